#pragma once
// Which workload a request belongs to, and whether it is urgent, by what the configuration says of them. Pure: where headers and fields
// come from is the caller's affair.
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "config/config.h"

namespace weir::config {

/// What stands under a name; nothing when nothing does. An empty function knows nothing.
using Lookup = std::function<std::optional<std::string>(std::string_view name)>;

/// What is known of a request before its workload is.
struct Asked {
  std::string model = {};  // that the caller asks for
  std::string key = {};    // name of the gateway key
  std::string topic = {};  // of the stream
  Lookup header = {};      // names without regard to case
};

/// The first workload whose match holds; one without any match is chosen by its name only. Null when there is none.
const Workload* matching_workload(const Config& config, const Asked& asked);

/// Whether the header or the field that the workload names has one of its values, without regard to case.
/// @param field takes a path with dots between levels.
bool is_urgent(const Workload& workload, const Lookup& header, const Lookup& field);

/// Whether `text` is of the pattern, in which `*` stands for any text.
bool is_like(std::string_view text, std::string_view pattern);

}  // namespace weir::config
