# Shared by the scripts of this folder: sourced, never run. Leaves the caller in the project's root.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

say() { printf '%s\n' "$*" >&2; }
die() { say "$(basename "$0"): $*"; exit 1; }

n_jobs() { nproc 2>/dev/null || getconf _NPROCESSORS_ONLN; }

# Runs a command with its output in a log, which is shown only when the command fails.
quietly() { # quietly LOG COMMAND...
  local log=$1
  shift
  mkdir -p "$(dirname "$log")"
  if ! "$@" >"$log" 2>&1; then
    tail -n 100 "$log" >&2
    die "failed: $* (whole log: $log)"
  fi
}

# Configures a preset unless it already is, with these options and these presets; after that ninja itself configures
# again when a CMake file changes.
configure() { # configure PRESET [-DOPTION=VALUE...]
  local preset=$1 folder=build/$1 wanted
  wanted="$*"
  if [[ "$(uname -s)" == Darwin && ( $preset == asan || $preset == tsan ) ]]; then  # Homebrew's names have no version
    local llvm
    llvm=$(brew --prefix llvm@19)
    set -- "$@" "-DCMAKE_C_COMPILER=$llvm/bin/clang" "-DCMAKE_CXX_COMPILER=$llvm/bin/clang++"
  fi
  if [[ -f $folder/build.ninja && ! CMakePresets.json -nt $folder/build.ninja &&
        "$(cat "$folder/configured" 2>/dev/null)" == "$wanted" ]]; then
    return
  fi
  quietly "$folder/configure.log" cmake --preset "$@"
  printf '%s\n' "$wanted" >"$folder/configured"
}

# Builds targets of a configured preset: ninja's one-line progress on a terminal, otherwise silent unless it fails.
build() { # build PRESET TARGET...
  local folder=build/$1
  shift
  if [[ -t 2 ]]; then
    ninja -C "$folder" -j "$(n_jobs)" "$@" >&2
  else
    quietly "$folder/build.log" ninja -C "$folder" -j "$(n_jobs)" "$@"
  fi
}
