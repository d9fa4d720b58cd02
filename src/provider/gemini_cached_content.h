#pragma once
// Cached contents of the Gemini shape: the Gemini Developer API and Vertex AI have the same objects at different paths, which are
// the hooks. Docs (checked 2026-11-27): https://ai.google.dev/api/caching,
// https://cloud.google.com/vertex-ai/generative-ai/docs/reference/rest/v1/projects.locations.cachedContents
#include <string>
#include <string_view>

#include "provider/cached_content.h"
#include "provider/gemini_dialect.h"

namespace weir::provider::gemini {

/// CachedContent::name is "cachedContents/ID", whatever the provider puts before it.
class ContentCodec : public CachedContentCodec {
 public:
  [[nodiscard]] Result<http::RequestPlan> encode_create(
      const ContentDraft& draft, const Credentials& credentials) const override;
  [[nodiscard]] Result<CachedContent> decode_content(const http::Response& response,
                                                     Time now) const override;
  [[nodiscard]] Result<http::RequestPlan> encode_extend(
      std::string_view name, Duration ttl, const Credentials& credentials) const override;
  [[nodiscard]] Result<http::RequestPlan> encode_delete(
      std::string_view name, const Credentials& credentials) const override;
  [[nodiscard]] Result<http::RequestPlan> encode_list(
      std::string_view page, const Credentials& credentials) const override;
  [[nodiscard]] Result<ContentPage> decode_list(const http::Response& response,
                                                Time now) const override;
  [[nodiscard]] Result<http::RequestPlan> encode_sync(const llm::Request& request,
                                                      std::size_t messages, std::string_view name,
                                                      const SyncCall& call) const override;

 protected:
  explicit ContentCodec(const Options& options) : options_(options) {}
  /// A request below the place where the provider's cached contents are. @param rest "cachedContents…"
  [[nodiscard]] virtual Result<http::RequestPlan> plan(http::Method method, std::string_view rest,
                                                       bool with_body,
                                                       const Credentials& credentials) const = 0;
  /// "cachedContents/ID", or the model, as bodies name them.
  [[nodiscard]] virtual Result<std::string> in_bodies(std::string_view name,
                                                      const Credentials& credentials) const = 0;
  [[nodiscard]] virtual Result<std::string> model_in_bodies(
      std::string_view model, const Credentials& credentials) const = 0;
  /// generateContent, without its body.
  [[nodiscard]] virtual Result<http::RequestPlan> generate(const llm::Request& request,
                                                           const SyncCall& call) const = 0;

 private:
  const Options& options_;  // of the adapter, which outlives it
};

}  // namespace weir::provider::gemini
