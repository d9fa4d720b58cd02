// The table, first half: the keys of an entry of llm or embedding.
#include "config/keys.h"

namespace weir::config {
namespace {

void add_credentials(Keys& keys) {
  using Entry = ModelEntry;
  const Keys more = {
      {.name = "model",
       .access = field<&Entry::models>(),
       .required = "*",
       .about = "The provider's name of the model, or several with commas between: the first is "
                "the default."},
      {.name = "apiKey",
       .access = field<&Entry::api_key>(),
       .variable = "@",
       .secret = true,
       .about = "The API key. Better taken from the environment: the provider's own variable, or "
                "${NAME}."},
      {.name = "endpoint",
       .access = field<&Entry::endpoint>(),
       .required = "azureOpenAI,openAICompatible",
       .about =
           "Base URL, where it is not the provider's own. The key is sent there and nowhere else."},
  };
  keys.insert(keys.end(), more.begin(), more.end());
}

constexpr std::string_view kApis[] = {"chat", "responses"};

// What only some providers have.
void add_provider_keys(Keys& keys) {
  const Keys more = {
      {.name = "api",
       .access = extra(kApis),
       .providers = "openAI,azureOpenAI,openAICompatible",
       .about = "Which API requests take: chat (completions; unset means the same) or responses."},
      {.name = "organizationId",
       .access = extra(),
       .providers = "openAI",
       .about = "Organization that requests are counted for."},
      {.name = "accountId",
       .access = extra(),
       .variable = "FIREWORKS_ACCOUNT_ID",
       .providers = "fireworks",
       .about = "Account that batches and their datasets belong to; without it there are none."},
      {.name = "deploymentName",
       .access = extra(),
       .providers = "azureOpenAI",
       .required = "azureOpenAI",
       .about = "Deployment that serves the model."},
      {.name = "region",
       .access = extra(),
       .variable = "AWS_REGION",
       .providers = "bedrock",
       .required = "bedrock",
       .about = "AWS region, such as us-east-1."},
      {.name = "awsAccessKeyId",
       .access = extra(),
       .variable = "AWS_ACCESS_KEY_ID",
       .providers = "bedrock",
       .secret = true,
       .about = "AWS access key id; without it apiKey is used."},
      {.name = "awsAccessSecretKey",
       .access = extra(),
       .variable = "AWS_SECRET_ACCESS_KEY",
       .providers = "bedrock",
       .secret = true,
       .about = "The secret that belongs to awsAccessKeyId."},
      {.name = "awsSessionToken",
       .access = extra(),
       .variable = "AWS_SESSION_TOKEN",
       .providers = "bedrock",
       .secret = true,
       .about = "Session token of temporary AWS credentials."},
      {.name = "provider",
       .access = extra(),
       .providers = "bedrock",
       .about = "Maker of the model on Bedrock (anthropic, amazon, …); unset: told by the model's "
                "name."},
      {.name = "customProvider",
       .access = extra(),
       .providers = "bedrock",
       .about = "Maker of the model where provider is `other`."},
  };
  keys.insert(keys.end(), more.begin(), more.end());
}

// Where a cloud's batches lie, and in whose name.
void add_cloud_keys(Keys& keys) {
  const Keys more = {
      {.name = "bucket",
       .access = extra(),
       .providers = "bedrock,vertexAI",
       .about = "Bucket and prefix for batch input and output: s3://… or gs://…"},
      {.name = "role",
       .access = extra(),
       .providers = "bedrock",
       .about = "ARN of the IAM role that a batch job reads and writes the bucket with."},
      {.name = "project",
       .access = extra(),
       .providers = "vertexAI",
       .required = "vertexAI",
       .about = "Google Cloud project."},
      {.name = "location",
       .access = extra(),
       .providers = "vertexAI",
       .built_in = "us-central1",
       .about = "Google Cloud location."},
      {.name = "serviceAccountJson",
       .access = extra(),
       .providers = "vertexAI",
       .secret = true,
       .about = "Key of a service account: the JSON as one string."},
  };
  keys.insert(keys.end(), more.begin(), more.end());
}

void add_generation(Keys& keys) {
  using Entry = ModelEntry;
  const Keys more = {
      {.name = "temperature",
       .access = field<&Entry::temperature>(),
       .range = {0, 2},
       .about = "Sampling temperature where the request says none; unset: the model's own."},
      {.name = "dimensions",
       .access = field<&Entry::dimensions>(),
       .range = {1, 65'536},
       .embedding_only = true,
       .about = "Length of an embedding; unset: the model's own."}};
  keys.insert(keys.end(), more.begin(), more.end());
}

void add_batching(Keys& keys) {
  using Entry = ModelEntry;
  const Keys more = {
      {.name = "batchingEnabled",
       .access = field<&Entry::batching_enabled>(),
       .variable = "LLM_BATCHING_ENABLED",
       .false_wins = true,
       .about = "Whether what can wait may go as a provider batch. The variable at false wins over "
                "everything."},
      {.name = "batchMaxSize",
       .access = field<&Entry::batch_size_max>(),
       .range = kCount,
       .unit = "requests",
       .about = "Requests in one batch at most; the provider's own limit if that is lower."},
      {.name = "batchTimeoutSeconds",
       .access = field<&Entry::batch_timeout>(),
       .range = kWait,
       .unit = "seconds",
       .about = "How long a batch may take before it is cancelled and the rest goes on."},
      {.name = "batchPollIntervalSeconds",
       .access = field<&Entry::batch_poll_interval>(),
       .range = {1, 86'400},
       .unit = "seconds",
       .about = "Time between two looks at a batch."}};
  keys.insert(keys.end(), more.begin(), more.end());
}

void add_caching(Keys& keys) {
  using Entry = ModelEntry;
  const Keys more = {
      {.name = "cachingEnabled",
       .access = field<&Entry::caching_enabled>(),
       .variable = "LLM_CACHING_ENABLED",
       .false_wins = true,
       .about = "Whether shared prefixes are cached. The variable at false wins over everything."},
      {.name = "cacheStrategy",
       .access = field<&Entry::cache_strategy>(),
       .about = "explicit: marks of ours; automatic: what the provider does by itself; none. "
                "Unset: what the model has."},
      {.name = "cacheTTL",
       .access = field<&Entry::cache_ttl>(),
       .range = kTtl,
       .unit = "seconds",
       .variable = "LLM_CACHE_TTL_SECONDS",
       .about = "How long a written prefix should live, rounded up to what the provider has. "
                "Unset: the planner decides."},
      {.name = "cacheMinTokens",
       .access = field<&Entry::cache_tokens_min>(),
       .range = {0, 10'000'000},
       .unit = "tokens",
       .variable = "LLM_CACHE_MIN_TOKENS",
       .about = "No shorter prefix is marked: the larger of this and the model's own minimum."},
      {.name = "cacheMaxBreakpoints",
       .access = field<&Entry::cache_breakpoints_max>(),
       .range = {0, 32},
       .about = "Marks in one request at most; the provider's own limit if that is lower."}};
  keys.insert(keys.end(), more.begin(), more.end());
}

void add_policy(Keys& keys) {
  using Entry = ModelEntry;
  const Keys more = {
      {.name = "optimizationStrategy",
       .access = field<&Entry::strategy>(),
       .variable = "LLM_OPTIMIZATION_STRATEGY",
       .about = "auto: the cheapest route that meets the deadline; batch_only: no caching of ours; "
                "cache_only: never "
                "batch; both: both where they stack; disabled: nothing of ours."},
      {.name = "optimizationPreference",
       .access = field<&Entry::preference>(),
       .about = "What binds where batch and cache discounts do not stack. Unset: the cheaper."},
      {.name = "fallbackToStandard",
       .access = field<&Entry::fallback_to_standard>(),
       .about = "Whether items that a batch leaves open go on by the standard API."},
      {.name = "fallbackTimeoutSeconds",
       .access = field<&Entry::fallback_timeout>(),
       .range = {1, 86'400},
       .unit = "seconds",
       .about =
           "How long a batch may take until the provider has accepted it; then its items go by the "
           "standard API."},
      {.name = "trackCosts",
       .access = field<&Entry::track_costs>(),
       .variable = "LLM_COST_TRACKING_ENABLED",
       .about = "Whether costs of this entry stand in answers, metrics and reports. The ledger is "
                "always "
                "kept."},
      {.name = "logOptimizationDecisions",
       .access = field<&Entry::log_decisions>(),
       .about = "Whether each decision on a request of this entry is logged with its reason."}};
  keys.insert(keys.end(), more.begin(), more.end());
}

const Keys& configuration_keys() {
  static const Keys instance = [] {
    Keys out;
    add_credentials(out);
    add_provider_keys(out);
    add_cloud_keys(out);
    add_generation(out);
    add_batching(out);
    add_caching(out);
    add_policy(out);
    return out;
  }();
  return instance;
}

}  // namespace

const Keys& entry_keys() {
  static const Keys instance = {
      {.name = "provider",
       .access = provider_field<&ModelEntry::provider>(),
       .required = "*",
       .about = "One of the fourteen providers; case does not count."},
      {.name = "isDefault",
       .access = field<&ModelEntry::is_default>(),
       .about =
           "The entry for requests that name no model. One of a list at most; none: the first."},
      {.name = "configuration",
       .access = object<ModelEntry>(configuration_keys),
       .required = "*",
       .about = "Models, credentials and optimisation of the entry."}};
  return instance;
}

}  // namespace weir::config
