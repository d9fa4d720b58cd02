#pragma once
// How a simulated provider of the Gemini shape differs from the Gemini Developer API: a constant of
// its folder.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/time.h"

namespace weir::sim::gemini_shape {

struct Traits {
  std::string_view provider;  // as in the bill
  // Implicit caches: whole steps of so many tokens, from the model's minimum on. Neither is
  // documented; the life is short of what is promised for Vertex AI (24 hours at most).
  std::int64_t cache_step = 128;
  Duration cache_life = std::chrono::hours(1);
  bool tells_times = false;  // answers carry the time of their creation, usage the kind of traffic
  std::string (*no_model)(std::string_view model) =
      nullptr;  // text of the 404, where it is its own
  bool content_numbers =
      false;  // cached contents are named by numbers, and one that is gone is answered 404
  // Batches.
  bool partial_results = false;  // a cancelled or expired batch keeps, and bills, what it had run
  bool ordered_results = true;   // results come in the order of the input
};

}  // namespace weir::sim::gemini_shape
