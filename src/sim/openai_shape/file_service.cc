#include "sim/openai_shape/file_service.h"

namespace weir::sim::openai_shape {

using http::Method;

void FileService::started() {
  files_ = std::make_unique<Files>(*world_, traits_);
  batches_ = make_batches();
}

std::unique_ptr<Batches> FileService::make_batches() {
  return std::make_unique<Batches>(*world_, *files_, *chat_);
}

void FileService::write_state(json::Writer& out) const {
  out.field("files", static_cast<std::int64_t>(files_->size()))
      .field("file_bytes", static_cast<std::int64_t>(files_->bytes()))
      .field("batches", static_cast<std::int64_t>(batches_->size()))
      .field("batches_running", static_cast<std::int64_t>(batches_->running()));
}

Operation FileService::operation_more(const Call& call) const {
  const Method method = call.request.method;
  if (call.path == paths_.files)
    return method == Method::kPost ? Operation{"file_upload", ""} : Operation{"file_list", ""};
  if (call.path == paths_.batches)
    return method == Method::kPost ? Operation{"batch_create", ""} : Operation{"batch_list", ""};
  if (const auto file = tail_of(call.path, std::string(paths_.files) + "/")) {
    if (method == Method::kDelete) return {"file_delete", ""};
    if (file->rest != "/content") return {"file_get", ""};
    const StoredFile* stored = files_->find(call.account, file->id);
    return {"file_content", stored != nullptr && stored->lines ? "batch_results" : ""};
  }
  if (const auto batch = tail_of(call.path, std::string(paths_.batches) + "/"))
    return batch->rest == "/cancel" ? Operation{"batch_cancel", ""} : Operation{"batch_get", ""};
  return {"other", ""};
}

Reply FileService::handle_more(Call& call) {
  const Method method = call.request.method;
  const bool get = method == Method::kGet, post = method == Method::kPost;
  if (call.path == paths_.files && post) return files_->upload(call);
  if (call.path == paths_.files && get) return files_->list(call);
  if (call.path == paths_.batches && post) return batches_->create(call);
  if (call.path == paths_.batches && get) return batches_->list(call);
  if (const auto file = tail_of(call.path, std::string(paths_.files) + "/")) {
    if (get && file->rest.empty()) return files_->get(call, file->id);
    if (get && file->rest == "/content") return files_->content(call, file->id);
    if (method == Method::kDelete && file->rest.empty()) return files_->remove(call, file->id);
  }
  if (const auto batch = tail_of(call.path, std::string(paths_.batches) + "/")) {
    if (get && batch->rest.empty()) return batches_->get(call, batch->id);
    if (post && batch->rest == "/cancel") return batches_->cancel(call, batch->id);
  }
  return not_a_path(call);
}

}  // namespace weir::sim::openai_shape
