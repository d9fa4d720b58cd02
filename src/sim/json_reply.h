#pragma once
// Small replies of JSON.
#include <string>
#include <utility>

#include "sim/reply.h"

namespace weir::sim {

inline Reply json_reply(int status, std::string body) {
  Reply reply;
  reply.head.status = status;
  reply.head.headers = {{"content-type", "application/json"}};
  reply.body.push_back({Duration(0), std::move(body)});
  return reply;
}

}  // namespace weir::sim
