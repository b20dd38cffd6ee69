#!/bin/bash -eu
# Builds every fuzz target for OSS-Fuzz and ClusterFuzzLite, which run this in their image with the
# checkout as the working folder. It puts into $OUT, for each TARGET: the fuzzer, its dictionary
# (TARGET.dict), what is kept for it, corpus and regressions (TARGET_seed_corpus.zip), and its options
# (TARGET.options).
#
# SANITIZER and FUZZING_ENGINE are those of the image.
set -o pipefail

: "${OUT:?the folder for the fuzzers}" "${SANITIZER:=address}" "${FUZZING_ENGINE:=libfuzzer}"
[ "$FUZZING_ENGINE" = libfuzzer ] || {
    echo "build.sh: cargo-fuzz makes fuzzers for libfuzzer alone, not for $FUZZING_ENGINE" >&2
    exit 1
}

# Where coverage is counted the image's RUSTFLAGS do it.
case $SANITIZER in
address | memory | thread) sanitizer=$SANITIZER ;;
*) sanitizer=none ;;
esac

# To link with optimisations across crates would take longer than it gains.
export CARGO_PROFILE_RELEASE_LTO=off
cargo fuzz build --sanitizer "$sanitizer" # with debug assertions and overflow checks

host=$(rustc -vV | sed -n 's/^host: //p')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Every target has a dictionary. The image's cargo takes `cargo fuzz list` for a build where SANITIZER
# is coverage.
for dictionary in fuzz/dictionaries/*.dict; do
    target=$(basename "$dictionary" .dict)
    cp "${CARGO_TARGET_DIR:-target}/$host/release/$target" "$OUT/"
    cp "$dictionary" "$OUT/"
    cp ci/oss-fuzz/libfuzzer.options "$OUT/$target.options"
    # A regression may have the name of a seed.
    mkdir "$work/$target"
    cp "fuzz/corpus/$target"/* "$work/$target/"
    for regression in "fuzz/regressions/$target"/*; do
        [ ! -e "$regression" ] || cp "$regression" "$work/$target/regression-${regression##*/}"
    done
    rm -f "$OUT/${target}_seed_corpus.zip"
    zip -q -j -r "$OUT/${target}_seed_corpus.zip" "$work/$target"
done
