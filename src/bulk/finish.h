#pragma once
// Internal to run: what is done once every item has ended, and the receipt from what the store has.
#include <string>

#include "bulk/console.h"
#include "bulk/run_setup.h"
#include "engine/result_log.h"

namespace weir::bulk {

struct FinishContext {
  const RunOptions& options;
  const RunSetup& setup;
  const AcceptedInput& input;
  const std::string& key;
  Console& console;
};

/// Accuracy against the label field, and the simulator's bill where the clock is a simulator's: both kept beside the store,
/// for the receipt. Failures are notes: the job is done all the same.
void finish_job(const FinishContext& context);
/// What was measured and fetched is out of date: the job goes on.
Result<void> forget_extras(const std::string& folder);

/// The receipt of the job behind `output`, from its store. @error kNotFound no job there.
struct ReceiptTexts {
  std::string text, json;
  engine::ResultCounts counts;
};
Result<ReceiptTexts> receipt_of(const std::string& output);
/// Prints it. @return how a run ends whose items have all ended: kDone, or kItemsFailed.
ExitCode show_receipt(const std::string& output, Console& console);

}  // namespace weir::bulk
