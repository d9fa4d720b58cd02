#pragma once
// The requests of the batch step machine, and the batch object that the provider answers with.
// Internal to the dialect.
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/plan.h"
#include "json/value.h"
#include "provider/adapter.h"
#include "provider/openai_batch_dialect.h"

namespace weir::provider::openai_batch {

[[nodiscard]] http::RequestPlan upload_plan(const Options& options, const BatchContext& context);
[[nodiscard]] http::RequestPlan create_plan(const Options& options, const BatchContext& context,
                                            std::string_view input_file);
[[nodiscard]] http::RequestPlan list_plan(const Options& options, const BatchContext& context,
                                          std::string_view after);
[[nodiscard]] http::RequestPlan poll_plan(const Options& options, const BatchContext& context,
                                          std::string_view batch);
[[nodiscard]] http::RequestPlan cancel_plan(const Options& options, const BatchContext& context,
                                            std::string_view batch);
[[nodiscard]] http::RequestPlan content_plan(const Options& options, const BatchContext& context,
                                             std::string_view file);
[[nodiscard]] http::RequestPlan page_plan(const Options& options, const BatchContext& context,
                                          std::string_view batch, std::string_view cursor);
[[nodiscard]] http::RequestPlan delete_plan(const Options& options, const BatchContext& context,
                                            std::string_view file);

/// A batch object, or {"job":{…}} around one. Words of any case, times as seconds or RFC 3339. Nothing
/// when the value is neither (an object with an id and a status).
[[nodiscard]] std::optional<BatchObject> read_batch(const Options& options, json::Value value);

/// {"data":[…]}, {"value":[…]} or a bare array. Nothing when the value is no list. @param after the
/// cursor that it was asked with.
[[nodiscard]] std::optional<BatchList> read_list(const Options& options, json::Value value,
                                                 std::string_view after = {});

}  // namespace weir::provider::openai_batch
