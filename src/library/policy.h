#pragma once
// From the configuration to an Optimization, and from that to how a job is done: the rules that the library and `weir run` share. Pure.
#include "catalogue/catalogue.h"
#include "config/config.h"
#include "library/job_meta.h"
#include "weir/optimize.h"

namespace weir::library {

/// An entry's optimisation, narrowed by a workload where there is one; `observe` is the caller's to follow.
Optimization optimization_of(const config::ModelEntry& entry, const config::Workload* workload);

/// What is switched on and fits the strategy; whether the model can do it is another question.
bool wants_batches(const Optimization& options);
bool wants_caching(const Optimization& options);

/// How a job is done by a model that can do so much. @param stacking of the model's discounts.
JobPolicy policy_of(const Optimization& options, const Capabilities& capabilities,
                    catalogue::Stacking stacking);

}  // namespace weir::library
