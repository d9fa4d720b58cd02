// Apart from all else: within Weir, `cost` is a namespace.
#include "weir/cost.h"

#include "library/price.h"

namespace weir {

Result<Money> cost(const Usage& usage, std::string_view provider, std::string_view model,
                   Route route, std::chrono::sys_days date) {
  return library::price(usage, provider, model, route, Time(date));
}

}  // namespace weir
