# A mark in a file: VERB FILE [EXPECTED NEW]. Plain POSIX shell. Exits with 7 if the file does not hold what was expected.
set -u
verb=$1 mark=$2 expected=${3-} new=${4-}
case $verb in
  show) [ ! -e "$mark" ] || cat "$mark" ;;
  put)
    # NEW takes the place of EXPECTED; either may be nothing. A name is linked and moved whole or not at all, so of two
    # that try at the same time one is told that it came too late.
    mkdir -p "$(dirname "$mark")" || exit 1
    one=$mark.$$.new took=$mark.$$.old
    if [ -n "$expected" ]; then
      mv "$mark" "$took" 2>/dev/null || exit 7
      if [ "$(cat "$took")" != "$expected" ]; then
        ln "$took" "$mark" 2>/dev/null
        rm -f "$took"
        exit 7
      fi
      rm -f "$took"
    fi
    [ -n "$new" ] || exit 0
    printf '%s\n' "$new" > "$one" || exit 1
    ln "$one" "$mark" 2>/dev/null
    code=$?
    rm -f "$one"
    [ "$code" = 0 ] || exit 7
    ;;
  *) echo "unknown: $verb" >&2; exit 2 ;;
esac
