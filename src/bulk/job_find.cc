#include "bulk/job_find.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "base/nearest.h"
#include "engine/state.h"
#include "runtime/sqlite_store.h"

namespace weir::bulk {
namespace {

namespace fs = std::filesystem;

bool is_store(const std::string& folder) {
  std::error_code ignored;
  return fs::is_regular_file(folder + "/store.sqlite", ignored);
}

// Ids are 26 characters of Crockford base32, written in upper case.
bool may_be_id(std::string_view name) {
  return !name.empty() && name.size() <= 26 &&
         std::ranges::all_of(name, [](unsigned char c) { return std::isalnum(c) != 0; });
}

std::string id_of(const std::string& folder) {
  const auto store = runtime::SqliteStore::open_read_only(folder + "/store.sqlite");
  if (!store) return "";
  const auto aggregates = (*store)->load();
  if (!aggregates) return "";
  for (const auto& aggregate : *aggregates)
    if (aggregate.kind == engine::AggregateKind::kJob)
      if (const auto job = engine::JobState::decode(aggregate.state)) return job->id.text();
  return "";
}

std::unexpected<Error> no_such_job(const JobName& name, const std::vector<std::string>& folders) {
  std::vector<std::string> outputs;
  for (const auto& folder : folders) outputs.push_back(fs::path(output_of(folder)).filename());
  const auto near = nearest_name(fs::path(name.name).filename().string(), outputs);
  return fail(ErrorKind::kNotFound,
              fmt::format("there is no job '{}' (neither an output, nor a folder, nor an id in {})",
                          name.name, name.dir),
              near ? fmt::format("did you mean {}?", *near)
                   : "weir job list DIR shows the jobs of a folder");
}

}  // namespace

std::string output_of(std::string_view folder) {
  while (folder.size() > 1 && folder.ends_with('/')) folder.remove_suffix(1);
  if (folder.ends_with(kStoreSuffix)) folder.remove_suffix(kStoreSuffix.size());
  return std::string(folder);
}

Result<std::vector<std::string>> stores_in(const std::string& dir) {
  std::error_code code;
  std::vector<std::string> out;
  fs::directory_iterator entries(dir, code);
  for (; !code && entries != fs::directory_iterator(); entries.increment(code)) {
    auto path = entries->path().string();
    if (path.starts_with("./")) path.erase(0, 2);
    if (path.ends_with(kStoreSuffix) && is_store(path)) out.push_back(std::move(path));
  }
  if (code)
    return fail(code == std::errc::no_such_file_or_directory ? ErrorKind::kNotFound
                                                             : ErrorKind::kUnavailable,
                fmt::format("cannot read the folder {}: {}", dir, code.message()),
                "give a folder that holds outputs of weir run");
  std::ranges::sort(out);
  return out;
}

Result<std::string> find_job(const JobName& name) {
  std::string plain = name.name;
  while (plain.size() > 1 && plain.ends_with('/')) plain.pop_back();
  if (plain.ends_with(kStoreSuffix) && is_store(plain)) return plain;
  if (is_store(plain + std::string(kStoreSuffix))) return plain + std::string(kStoreSuffix);
  if (auto inside = name.dir + "/" + plain + std::string(kStoreSuffix); is_store(inside))
    return inside;
  WEIR_TRY(const auto folders, stores_in(name.dir));
  std::vector<std::string> found;
  std::ranges::transform(plain, plain.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  if (may_be_id(plain))
    for (const auto& folder : folders)
      if (id_of(folder).starts_with(plain)) found.push_back(folder);
  if (found.empty()) return no_such_job(name, folders);
  if (found.size() == 1) return found.front();
  return fail(ErrorKind::kInvalidArgument,
              fmt::format("'{}' begins the ids of {} jobs: {}", name.name, found.size(),
                          fmt::join(found, ", ")),
              "give more of the id");
}

}  // namespace weir::bulk
