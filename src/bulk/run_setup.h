#pragma once
// Internal to run: everything that can be wrong is found here, before anything is sent or written.
#include <memory>
#include <optional>
#include <string>

#include "bulk/job_source.h"
#include "bulk/run.h"
#include "http/url.h"
#include "plan/prefix_settings.h"
#include "plan/prefix_stats.h"
#include "runtime/clock.h"

namespace weir::bulk {

struct RunSetup {
  catalogue::Catalogue catalogue;
  catalogue::Provider provider;  // within the limits of the options…
  catalogue::Model limited;
  catalogue::ModelRef model;  // …and this names both
  const provider::Adapter* adapter = nullptr;
  http::Url endpoint;
  std::unique_ptr<prompt::Template> prompt;
  std::unique_ptr<prompt::AnswerSchema> schema;
  std::string prompt_text;
  std::string prices_text;                       // of the user's own prices
  plan::PrefixStats hits;                        // that earlier jobs saw
  std::unique_ptr<runtime::RuntimeClock> clock;  // from connect_clock()
  std::string folder;                            // <output>.weir
  std::string input_path;                        // absolute, or "-"
  [[nodiscard]] RequestShape shape(const RunOptions& options) const;
};

/// @error kInvalidArgument, kNotFound: what is wrong, where, and how to mend it.
Result<std::unique_ptr<RunSetup>> make_setup(const RunOptions& options,
                                             const FindAdapter& find_adapter);

/// What is to be said of a price row that was read long ago; empty where there is nothing to say.
std::string old_price_note(const catalogue::ModelRef& model, Time now);

/// Asks a simulator for its time, where --clock names one.
/// @error kInvalidArgument no such clock; kUnavailable, kBadResponse it does not answer as a clock.
Result<void> connect_clock(const RunOptions& options, RunSetup& setup);

/// The accept options of this run: the visit checks every record against the template.
AcceptOptions accept_options(const RunOptions& options, const RunSetup& setup, std::string dir,
                             std::function<void(const llm::Request&)> on_request);

/// Of lines that are ready for an API other than the one that the settings say: the adapter of that one.
void choose_api(RunSetup& setup, Format format);

/// Whether documents have a prompt, and ready-made requests none. @error kInvalidArgument.
Result<void> check_prompt_fits(const RunOptions& options, const RunSetup& setup, Format format);

/// By which items.order is decided: the route that is expected, at the prices of `now`.
plan::PrefixSettings order_settings(const RunOptions& options, const RunSetup& setup,
                                    std::uint64_t items, Time now);

/// The dry run: what would be sent and what it is expected to cost. Nothing is kept.
ExitCode dry_run(const RunOptions& options, RunSetup& setup);

}  // namespace weir::bulk
