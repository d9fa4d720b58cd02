// One question, one answer, and what it cost.
//
//   simple_call         asks Anthropic; the key is in ANTHROPIC_API_KEY
//   simple_call URL     asks a simulator: weir sim --listen 127.0.0.1:8080
#include <weir/weir.h>

#include <iostream>

int main(int argc, char** argv) {
  const std::string simulator = argc > 1 ? argv[1] : "";
  weir::EngineOptions where{.in_memory = true};
  weir::ModelOptions access;
  if (!simulator.empty()) {
    where.clock = "sim:" + simulator;
    access = {.api_key = "any", .endpoint = simulator + "/anthropic"};
  }

  auto engine = weir::Engine::create(where);
  if (!engine) return std::cerr << engine.error().text() << '\n', 1;
  auto model = (*engine)->model("anthropic/claude-sonnet-5", access);
  if (!model) return std::cerr << model.error().text() << '\n', 1;

  const auto answer = (*model)->invoke(weir::ask("Why is the sky blue?", "Answer in a sentence."));
  if (!answer) {
    std::cerr << weir::to_string(answer.error().kind) << ": " << answer.error().text() << '\n';
    return 1;
  }
  std::cout << "answer: " << answer->text << '\n'
            << "tokens: " << answer->usage.input.count << " in, " << answer->usage.output.count
            << " out\n"
            << "cost: " << weir::human_usd(answer->cost) << '\n';
}
