#pragma once
// The life of one message batch as a step machine: create, settle an unknown create, poll, collect,
// delete. Pure.
#include <string_view>

#include "base/result.h"
#include "provider/adapter.h"

namespace weir::providers::anthropic {

/// provider::Adapter::next() for message batches. kCancel and kRestarted replace the action that is
/// under way; no answer to that one may be fed afterwards. A create is never sent again before a
/// listing, begun create_visibility_max after its outcome became unknown, has shown nothing. A
/// batch found by the listing is adopted provisionally: it is neither cancelled nor deleted,
/// because it may be another's. Whoever performs its Collect reports a first row that is not ours
/// as kCollectFailed with kNotFound (and no http_status of 404).
/// @error kInternal the state is not one of this machine's, or the event cannot follow it.
/// Doc: https://platform.claude.com/docs/en/build-with-claude/batch-processing (checked 2026-11-23)
Result<provider::Step> next_batch_step(std::string_view state, const provider::BatchEvent& event,
                                       const provider::BatchContext& context);

}  // namespace weir::providers::anthropic
