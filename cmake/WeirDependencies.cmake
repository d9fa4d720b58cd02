# Everything here comes from Debian 12's packages (scripts/dependencies installs them).
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(simdjson REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(ZLIB REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(CLI11 REQUIRED)
find_package(yaml-cpp REQUIRED)
set(Boost_USE_STATIC_LIBS OFF)
find_package(Boost 1.81 REQUIRED COMPONENTS json url)

add_library(weir_boost_json INTERFACE)
target_link_libraries(weir_boost_json INTERFACE Boost::json)

# valijson is header-only and not warning-clean: a system include.
find_path(VALIJSON_INCLUDE_DIR valijson/validator.hpp REQUIRED)
add_library(weir_valijson INTERFACE)
target_include_directories(weir_valijson SYSTEM INTERFACE "${VALIJSON_INCLUDE_DIR}")

add_library(weir_net INTERFACE)
target_link_libraries(weir_net INTERFACE Boost::headers Boost::url OpenSSL::SSL OpenSSL::Crypto Threads::Threads spdlog::spdlog)
target_compile_definitions(weir_net INTERFACE BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_COROUTINE BOOST_ASIO_DISABLE_BOOST_DATE_TIME)
