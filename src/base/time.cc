#include "base/time.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <limits>

namespace weir {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kWeekdays{"Sun", "Mon", "Tue", "Wed",
                                                    "Thu", "Fri", "Sat"};

// A fixed number of digits at `at`, or nothing.
std::optional<int> digits(std::string_view text, std::size_t at, std::size_t count) {
  if (at + count > text.size()) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(at, count)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

struct Civil {
  int year, month, day, hour, minute, second;
};

std::optional<Time> to_time(const Civil& c) {
  const std::chrono::year_month_day ymd{std::chrono::year(c.year),
                                        std::chrono::month(static_cast<unsigned>(c.month)),
                                        std::chrono::day(static_cast<unsigned>(c.day))};
  if (!ymd.ok() || c.hour > 23 || c.minute > 59 || c.second > 60) return std::nullopt;
  return Time(std::chrono::sys_days(ymd).time_since_epoch() + hours(c.hour) + minutes(c.minute) +
              seconds(c.second));
}

}  // namespace

std::string to_rfc3339(Time time) {
  const auto day = floor<days>(time);
  const std::chrono::year_month_day ymd{day};
  const auto rest = time - day;
  const auto h = floor<hours>(rest);
  const auto m = floor<minutes>(rest - h);
  const auto s = floor<seconds>(rest - h - m);
  const auto micros = (rest - h - m - s).count();
  std::string out = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(ymd.year()),
                                static_cast<unsigned>(ymd.month()),
                                static_cast<unsigned>(ymd.day()), h.count(), m.count(), s.count());
  if (micros != 0) out += fmt::format(".{:06}", micros);
  return out + "Z";
}

std::optional<Time> parse_rfc3339(std::string_view text) {
  const auto year = digits(text, 0, 4), month = digits(text, 5, 2), day = digits(text, 8, 2);
  const auto hour = digits(text, 11, 2), minute = digits(text, 14, 2), second = digits(text, 17, 2);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  if (text[4] != '-' || text[7] != '-' || text[13] != ':' || text[16] != ':') return std::nullopt;
  if (text[10] != 'T' && text[10] != 't' && text[10] != ' ') return std::nullopt;
  auto time = to_time({*year, *month, *day, *hour, *minute, *second});
  if (!time) return std::nullopt;
  std::size_t at = 19;
  if (at < text.size() && text[at] == '.') {
    std::int64_t unit = 100'000;
    for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, unit /= 10)
      *time += Duration(unit * (text[at] - '0'));
  }
  const auto zone = text.substr(at);
  if (zone == "Z" || zone == "z") return time;
  if (zone.size() != 6 || (zone[0] != '+' && zone[0] != '-') || zone[3] != ':') return std::nullopt;
  const auto zh = digits(zone, 1, 2), zm = digits(zone, 4, 2);
  if (!zh || !zm) return std::nullopt;
  const Duration offset = hours(*zh) + minutes(*zm);
  return zone[0] == '+' ? *time - offset : *time + offset;
}

std::optional<Time> parse_http_date(std::string_view text) {
  // Sun, 06 Nov 1994 08:49:37 GMT
  if (text.size() != 29 || text.substr(25) != " GMT") return std::nullopt;
  int month = 0;
  for (std::size_t i = 0; i < kMonths.size(); ++i)
    if (text.substr(8, 3) == kMonths[i]) month = static_cast<int>(i) + 1;
  const auto day = digits(text, 5, 2), year = digits(text, 12, 4), hour = digits(text, 17, 2);
  const auto minute = digits(text, 20, 2), second = digits(text, 23, 2);
  if (month == 0 || !day || !year || !hour || !minute || !second) return std::nullopt;
  return to_time({*year, month, *day, *hour, *minute, *second});
}

std::string to_http_date(Time time) {
  const auto day = floor<days>(time);
  const std::chrono::year_month_day ymd{day};
  const std::chrono::hh_mm_ss clock{floor<seconds>(time - day)};
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
                     kWeekdays[std::chrono::weekday(day).c_encoding()],
                     static_cast<unsigned>(ymd.day()),
                     kMonths[static_cast<unsigned>(ymd.month()) - 1], static_cast<int>(ymd.year()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

std::optional<Duration> parse_duration(std::string_view text) {
  if (text.empty()) return std::nullopt;
  Duration total{0};
  while (!text.empty()) {
    std::int64_t count = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (code != std::errc() || count < 0) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    std::size_t letters = 0;
    while (letters < text.size() && (text[letters] < '0' || text[letters] > '9')) ++letters;
    const auto unit = text.substr(0, letters);
    text.remove_prefix(letters);
    std::int64_t micros = 0;
    if (unit == "ms") micros = 1'000;
    else if (unit == "s") micros = 1'000'000;
    else if (unit == "m" || unit == "min") micros = 60'000'000;
    else if (unit == "h") micros = 3'600'000'000;
    else if (unit == "d") micros = 86'400'000'000;
    else return std::nullopt;
    std::int64_t product = 0;
    if (__builtin_mul_overflow(count, micros, &product)) return std::nullopt;
    std::int64_t sum = 0;
    if (__builtin_add_overflow(total.count(), product, &sum)) return std::nullopt;
    total = Duration(sum);
  }
  return total;
}

std::string human_duration(Duration duration) {
  const auto micros = duration.count();
  if (micros < 1'000'000) return fmt::format("{}ms", micros / 1000);
  const auto s = micros / 1'000'000;
  if (s < 10) return fmt::format("{:.1f}s", static_cast<double>(micros) / 1e6);
  if (s < 60) return fmt::format("{}s", s);
  if (s < 3600) return fmt::format("{}m {}s", s / 60, s % 60);
  if (s < 86400) return fmt::format("{}h {}m", s / 3600, s % 3600 / 60);
  return fmt::format("{}d {}h", s / 86400, s % 86400 / 3600);
}

}  // namespace weir
