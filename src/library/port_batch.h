#pragma once
// A provider batch through a BatchPort of the user's own model. Lives on the calling thread, and no longer than the process: only the
// user can make the model again.
#include <span>
#include <stop_token>
#include <vector>

#include "library/optimized_model.h"

namespace weir::library {

/// One Result a request. What the batch does not answer goes to the base's own batch(), or fails with the reason.
std::vector<Result<Response>> port_batch(OptimizedModel::Impl& model,
                                         std::span<const Request> requests,
                                         const CallOptions& options, const std::stop_token& stop);

}  // namespace weir::library
