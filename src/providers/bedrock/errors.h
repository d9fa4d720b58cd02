#pragma once
// Which of Bedrock's and S3's errors means what: one table.
// Docs (reference of 2026-11-23): https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html,
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
#include <string_view>

#include "http/message.h"
#include "provider/adapter.h"

namespace weir::providers::bedrock {

/// Bedrock tells the name in the header x-amzn-errortype ("ThrottlingException:http://…") and says {"message":…}; S3 answers
/// <Error><Code>…</Code><Message>…</Message></Error>. A name that is not in the table leaves what the status alone suggests.
Error error_of_response(const http::Response& response, Time now);

/// An error without a status of its own: of a stream's exception, or of a row. @param status 0: none
Error error_of_name(std::string_view name, std::string_view message, int status = 0);

}  // namespace weir::providers::bedrock
