#pragma once
// Where Mistral's batch jobs differ from the batches of OpenAI's shape; the steps are the same.
// Doc: https://docs.mistral.ai/capabilities/batch/ (reference of 2026-11-23)
#include <optional>
#include <string>
#include <string_view>

#include "provider/openai_batch_dialect.h"

namespace weir::providers::mistral {

/// {"input_files":["ID"],"endpoint":"/v1/chat/completions","model":"…","timeout_hours":24,"metadata":{"weir_batch":"w…",…}}
std::string create_body(const provider::BatchContext& context, std::string_view input_file);
std::optional<provider::openai_batch::BatchObject> read_job(json::Value value);

}  // namespace weir::providers::mistral
