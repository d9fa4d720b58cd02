#include "plan/request_head.h"

#include <algorithm>

#include "base/hash.h"

namespace weir::plan {
namespace {

using llm::Block;
using llm::Request;

bool same_block(const Block& a, const Block& b) {
  if (a.text != b.text || a.image.has_value() != b.image.has_value() ||
      a.tool_call != b.tool_call || a.tool_result.has_value() != b.tool_result.has_value())
    return false;
  if (a.image && (a.image->media_type != b.image->media_type || a.image->data != b.image->data ||
                  a.image->url != b.image->url))
    return false;
  return !a.tool_result || (a.tool_result->tool_call_id == b.tool_result->tool_call_id &&
                            a.tool_result->text == b.tool_result->text &&
                            a.tool_result->is_error == b.tool_result->is_error);
}

bool same_blocks(const std::vector<Block>& a, const std::vector<Block>& b) {
  return std::ranges::equal(a, b, same_block);
}

bool same_message(const llm::Message& a, const llm::Message& b) {
  return a.role == b.role && same_blocks(a.content, b.content);
}

bool same_front(const Request& a, const Request& b) {
  const auto same_tool = [](const llm::Tool& x, const llm::Tool& y) {
    return x.name == y.name && x.description == y.description &&
           x.parameters_json == y.parameters_json;
  };
  return std::ranges::equal(a.tools, b.tools, same_tool) &&
         a.tool_choice.kind == b.tool_choice.kind && a.tool_choice.name == b.tool_choice.name &&
         same_blocks(a.system, b.system);
}

bool can_cut(const Request& request, std::size_t messages) {
  if (messages >= request.messages.size()) return false;
  const auto& next = request.messages[messages];
  return next.role == llm::Role::kUser && std::ranges::none_of(next.content, [](const Block& b) {
           return b.tool_result.has_value();
         });
}

class Summer {
 public:
  void add(std::string_view text) {
    head.hash = hash64(text, head.hash + 1);
    head.bytes += text.size();
  }
  void add(const Block& block) {
    add(block.text);
    if (block.image) add(block.image->media_type), add(block.image->url), add(block.image->data);
    if (block.tool_call)
      add(block.tool_call->id), add(block.tool_call->name), add(block.tool_call->arguments_json);
    if (block.tool_result) add(block.tool_result->tool_call_id), add(block.tool_result->text);
  }
  RequestHead head;
};

}  // namespace

RequestHead head_of(const Request& request, std::size_t messages) {
  Summer sum;
  for (const auto& tool : request.tools) {
    sum.add(tool.name);
    sum.add(tool.description);
    sum.add(tool.parameters_json);
  }
  sum.head.hash += static_cast<std::uint64_t>(request.tool_choice.kind);
  sum.add(request.tool_choice.name);
  for (const auto& block : request.system) sum.add(block);
  for (std::size_t i = 0; i < std::min(messages, request.messages.size()); ++i)
    for (const auto& block : request.messages[i].content) sum.add(block);
  sum.head.messages = static_cast<std::uint32_t>(messages);
  return sum.head;
}

bool has_head(const Request& request, const Request& head, std::size_t messages) {
  if (request.raw || head.messages.size() < messages || !can_cut(request, messages) ||
      !same_front(request, head))
    return false;
  for (std::size_t i = 0; i < messages; ++i)
    if (!same_message(request.messages[i], head.messages[i])) return false;
  return true;
}

void HeadFinder::add(Request& request) {
  if (none_) return;
  if (request.raw || llm::has_marks(request) || request.messages.empty()) {
    none_ = true;
    return;
  }
  llm::join_pieces(request);
  if (first_ && !same_front(request, *first_)) {
    none_ = true;
    return;
  }
  std::size_t shared = first_ ? 0 : request.messages.size() - 1;
  while (first_ && shared < messages_ && shared + 1 < request.messages.size() &&
         same_message(request.messages[shared], first_->messages[shared]))
    ++shared;
  while (shared > 0 && !can_cut(request, shared)) --shared;
  none_ = !can_cut(request, shared);
  messages_ = shared;
  if (first_) return;
  first_ = request;
  first_->messages.pop_back();
}

RequestHead HeadFinder::head() const {
  if (none_ || !first_) return {};
  return head_of(*first_, messages_);
}

}  // namespace weir::plan
