// Texts to vectors, and which of them a question is nearest to.
//
//   embedding         asks OpenAI; the key is in OPENAI_API_KEY
//   embedding URL     asks a simulator, whose vectors mean nothing: weir sim --listen 127.0.0.1:8080
#include <weir/weir.h>

#include <iostream>

int main(int argc, char** argv) {
  const std::string simulator = argc > 1 ? argv[1] : "";
  weir::EngineOptions where{.in_memory = true};
  weir::ModelOptions access;
  if (!simulator.empty()) {
    where.clock = "sim:" + simulator;
    access = {.api_key = "any", .endpoint = simulator + "/openAI/v1"};
  }
  auto engine = weir::Engine::create(where);
  if (!engine) return std::cerr << engine.error().text() << '\n', 1;
  auto model = (*engine)->embedding_model("openAI/text-embedding-3-small", access);
  if (!model) return std::cerr << model.error().text() << '\n', 1;

  const std::vector<std::string> texts{"Reset your password in the settings.",
                                       "Invoices are sent on the first of the month.",
                                       "Parcels take three to five days."};
  const auto documents = (*model)->embed(texts, {.dimensions = 256});
  if (!documents) return std::cerr << documents.error().text() << '\n', 1;
  const std::vector<std::string> question{"When do I get the bill?"};
  const auto asked =
      (*model)->embed(question, {.dimensions = 256, .purpose = weir::EmbeddingPurpose::kQuery});
  if (!asked) return std::cerr << asked.error().text() << '\n', 1;

  // The vectors have length 1, so that the product is the cosine.
  for (std::size_t i = 0; i < texts.size(); ++i) {
    float product = 0;
    for (std::size_t k = 0; k < 256; ++k)
      product += documents->vectors[i][k] * asked->vectors[0][k];
    std::cout << "nearness " << product << ": " << texts[i] << '\n';
  }
  std::cout << "tokens: " << documents->usage.input.count + asked->usage.input.count << "\ncost: $"
            << weir::to_usd(documents->cost + asked->cost) << '\n';
}
