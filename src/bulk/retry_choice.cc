#include "bulk/retry_choice.h"

#include <algorithm>
#include <utility>

#include "engine/job_engine.h"
#include "json/value.h"

namespace weir::bulk {
namespace {

bool tried_again(const engine::ResultLog::Record& record) {
  json::Parser parser;
  const auto line = parser.parse(record.line);
  if (!line) return false;
  const auto reasons = (*line)["reasons"].items();
  return std::ranges::any_of(reasons, [](const auto& reason) {
    return json::Value(reason).string_or("").starts_with(engine::kTriedAgain);
  });
}

}  // namespace

void RetryChoice::count(const engine::ResultLog::Record& record) {
  ++(tried_again(record) ? again_ : fresh_);
}

bool RetryChoice::take(const engine::ResultLog::Record& record) {
  if (!std::exchange(taking_, true)) {
    fresh_room_ = std::min(items_max_, fresh_);
    again_room_ = std::min(items_max_ - fresh_room_, again_);
  }
  const bool again = tried_again(record);
  auto& room = again ? again_room_ : fresh_room_;
  if (room == 0) return false;
  --room;
  --(again ? again_ : fresh_);
  return true;
}

}  // namespace weir::bulk
