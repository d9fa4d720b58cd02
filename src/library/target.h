#pragma once
// Where a model's requests go, and by which rules: an immutable snapshot, shared by everything that sends for the model.
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "catalogue/catalogue.h"
#include "http/url.h"
#include "provider/adapter.h"
#include "weir/engine.h"

namespace weir::library {

struct Target {
  const provider::Adapter* adapter = nullptr;
  const catalogue::Provider* provider = nullptr;  // of the host's catalogue
  std::shared_ptr<const catalogue::Model> model;
  http::Url endpoint;
  provider::Credentials credentials;
  std::string account, key_digest;
  std::optional<double> temperature;
  Tokens output_max;
  std::chrono::milliseconds request_timeout{};

  [[nodiscard]] std::string endpoint_text() const {
    return endpoint.origin.text() + endpoint.target;
  }
  /// What is common to all requests that an account's limits hold for.
  [[nodiscard]] std::string account_key() const { return endpoint_text() + " " + key_digest; }
  [[nodiscard]] ModelInfo info() const {
    return {.provider = provider->name,
            .model = model->name,
            .endpoint = endpoint_text(),
            .account = account};
  }
};

using TargetPtr = std::shared_ptr<const Target>;

}  // namespace weir::library
