# Shared by the scripts of this folder; sourced, never run. Sets `root` and goes there.
# shellcheck shell=bash

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
cd -- "$root" || exit
me=${0##*/}
readonly root me

say() { printf '%s: %s\n' "$me" "$*" >&2; }

die() {
  say "error: $1"
  exit "${2:-1}"
}

# Jobs at a time: CMAKE_BUILD_PARALLEL_LEVEL, else the processors we may use, but no more than the memory feeds.
job_count() {
  if [[ -n ${CMAKE_BUILD_PARALLEL_LEVEL:-} ]]; then
    printf '%s\n' "$CMAKE_BUILD_PARALLEL_LEVEL"
    return
  fi
  local processors gigabytes
  processors=$(nproc)
  gigabytes=$(awk '/^MemAvailable/ { print int($2 / 1048576 / 1.5) }' /proc/meminfo)
  if ((gigabytes < 1)); then gigabytes=1; fi
  printf '%s\n' "$((processors < gigabytes ? processors : gigabytes))"
}

# The usage text is the comment at the top of the script, below its first line.
usage() { sed -n '2,/^[^#]/{/^[^#]/d;s/^# \{0,1\}//;p}' "$0"; }

# What belongs to the tree and matches the patterns ('*.cc'), changed and new files included; NUL between names.
tree_files() {
  if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    git ls-files -z --cached --others --exclude-standard --deduplicate -- "$@" |
      while IFS= read -r -d '' file; do
        if [[ -f $file ]]; then printf '%s\0' "$file"; fi
      done
  else
    local pattern names=()
    for pattern in "$@"; do names+=(-o -path "./${pattern#./}" -o -path "./*/$pattern"); done
    find . \( -path ./build -o -name node_modules -o -path ./quickstart/.data \) -prune -o -type f \( "${names[@]:1}" \) -print0 |
      sed -z 's|^\./||' | sort -z
  fi
}

# Configures a preset's folder when it is not, or is without its tests; a configured folder looks after itself.
configure() {
  local preset=$1 folder=build/$1 log
  shift
  if [[ -f $folder/build.ninja ]] && grep -qx 'WEIR_TESTS:[A-Z]*=ON' "$folder/CMakeCache.txt"; then return; fi
  say "configuring $folder"
  log=$folder.configure.log
  mkdir -p build
  cmake --preset "$preset" -DWEIR_TESTS=ON "$@" >"$log" 2>&1 || {
    cat -- "$log" >&2
    die "cmake could not configure $folder (see above)"
  }
}

# build PRESET TARGET...
build() {
  local folder=build/$1 target=()
  shift
  if (($#)); then target=(--target "$@"); fi
  cmake --build "$folder" "${target[@]}" --parallel "$(job_count)" || die "the build in $folder failed (see above)"
}

# run_ctest PRESET ARGUMENT...: runs tests two at a time, says what did not run, and notes the count.
run_ctest() {
  local folder=build/$1 log=build/$1.ctest.log status=0
  shift
  ctest --test-dir "$folder" -j2 --output-on-failure --no-tests=error --timeout 600 "$@" 2>&1 | tee "$log" || status=$?
  local skipped
  skipped=$(sed -n '/^The following tests did not run:/,/^$/p' "$log")
  if [[ -n $skipped ]]; then note "$(grep -c ' - ' <<<"$skipped") tests did not run: $(grep -o '[0-9]* - .*' <<<"$skipped" | cut -d' ' -f3- | paste -sd, -)"; fi
  if ((status != 0)); then die "tests failed in $folder (see above)"; fi
  note "$(sed -n 's/.*tests passed, 0 tests failed out of \([0-9]*\)$/\1 tests passed/p' "$log")"
}

# A line for the summary that scripts/test prints at its end; what is skipped is noted as well.
note() {
  say "$*"
  if [[ -n ${WEIR_NOTES:-} ]]; then printf '%s\n' "$*" >>"$WEIR_NOTES"; fi
}
