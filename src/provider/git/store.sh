# What the provider does where a side's repositories are: VERB FOLDER ARGUMENTS. Plain POSIX shell and git.
# Exits with 9 if the folder has no books: then it is no storage of Muster's, or not this machine's.
set -u
verb=$1 root=$2
[ "$root" = / ] || root=${root%/}
shift 2
books=$root/.muster
[ -d "$books/hooks" ] || { echo "$books/hooks is not there: see docs/providers/git.md" >&2; exit 9; }
cd "$root" || exit 9
export GIT_TERMINAL_PROMPT=0 LC_ALL=C

# Without programs of their own where the shell can do it: users are out while these are asked.
line() { value=; [ ! -r "$books/$1" ] || IFS= read -r value < "$books/$1" || :; printf '%s\n' "$value"; }
number() {
  value=
  [ ! -r "$books/$1" ] || read -r value < "$books/$1" || :
  case $value in '' | *[!0-9]*) echo 0 ;; *) echo "$value" ;; esac
}
# A file appears under its name only whole.
write() { printf '%s\n' "$2" > "$books/$1.part" && mv "$books/$1.part" "$books/$1"; }
role() { line role; }
position() {
  case $(role) in
    primary) echo $(( $(number base) + $(wc -l < "$books/pushes") )) ;;
    *) number copied ;;
  esac
}
# A folder that can't be read is an error, and no folder without repositories. One may go while it is looked at.
repositories() {
  for look in 1 2 3; do
    found=$(find . \( -name .muster -o -name lost+found \) -prune -o -type d -name '*.git' -prune -print 2>"$1") && break
    [ "$look" != 3 ] || { echo "$root can't be read wholly: $(tail -n 1 "$1")" >&2; return 1; }
  done
  printf '%s\n' "$found" | sed -n 's/^\.\///p' | LC_ALL=C sort
}
# A folder for what is too long for a variable; it goes with the script.
place() { place=$(mktemp -d) && trap 'rm -rf "$place"' EXIT && trap 'exit 1' HUP INT TERM PIPE; }
# Those of the objects in a file that $1 has, each as git is told to leave out what it leads to.
leave_out() { git -C "$1" cat-file --batch-check='%(objectname)' < "$2" | sed '/ missing$/d; s/^/^/'; }
# Another user's process is one too, which `kill -0` would not tell.
lives() { if [ -d /proc/self ]; then [ -d "/proc/$1" ]; else ps -p "$1" >/dev/null 2>&1; fi; }
behind_the_gate() {
  [ -d "$1" ] || git init --quiet --bare --initial-branch=main "$1" || return 1
  git -C "$1" config core.hooksPath "$books/hooks"
}

case $verb in
  state)
    echo "role $(role)"
    echo "position $(position)"
    [ ! -e "$books/fence" ] || echo "fence $(line fence)"
    one=
    for found in *.git */*.git; do [ ! -d "$found" ] || { one=$found; break; }; done
    [ -n "$one" ] || one=$(find . -name .muster -prune -o -type d -name '*.git' -print -prune 2>/dev/null | head -n 1)
    [ -z "$one" ] || echo "repository ${one#./}"
    ;;
  waiting)
    # When the first push was taken that a copy at position $1 lacks.
    at=$(( $1 - $(number base) + 1 ))
    [ "$at" -ge 1 ] || at=1
    sed -n "${at}{s/ .*//;p;q;}" "$books/pushes"
    ;;
  fence)
    # Every push that the gate let in before is waited for: until it is over, or its process is.
    write fence "$1" || exit 1
    waited=0 left=$2
    for note in "$books"/under-way/*; do
      [ -e "$note" ] || continue
      waited=$(( waited + 1 ))
      while [ -e "$note" ] && lives "${note##*/}"; do
        [ "$left" -gt 0 ] || { echo "a push that began before the fence does not end: process ${note##*/}" >&2; exit 1; }
        left=$(( left - 1 ))
        sleep 0.1
      done
      rm -f "$note"
    done
    echo "$waited $(position)"
    ;;
  unfence) rm -f "$books/fence" ;;
  promote)
    case $(role) in
      primary) ;;
      "replica "*)
        # In this order: whatever breaks off in between leaves a copy, or a side that knows its position.
        write base "$(number copied)" && : > "$books/pushes" && write role primary || exit 1
        ;;
      *) echo "the role is '$(role)'" >&2; exit 1 ;;
    esac
    rm -f "$books/fence"
    ;;
  repository) behind_the_gate "$1" ;;
  remove) rm -rf "./$1" ;;
  gated)
    # Whether every repository goes through the gate. Exit 8 if not: the first one that does not is named.
    place || exit 8
    [ -x "$books/hooks/pre-receive" ] || { echo "$books/hooks/pre-receive is not there, or can't be run" >&2; exit 8; }
    repositories "$place/said" > "$place/all" || exit 8
    real=$(cd "$books/hooks" && pwd -P)
    # All settings in one look; git itself is asked of those alone that do not say it in so many words.
    sed 's,$,/config,' "$place/all" | tr '\n' '\0' |
      xargs -0 grep -l -s -x -F -e "	hooksPath = $books/hooks" -e "	hooksPath = $real" /dev/null | sed 's,/config$,,' | LC_ALL=C sort > "$place/said-so"
    LC_ALL=C comm -23 "$place/all" "$place/said-so" | while IFS= read -r repository; do
      # One that is being made has its settings in a moment; one may be gone.
      for look in 1 2 3; do
        [ -d "$repository" ] || continue 2
        [ "$(git -C "$repository" config --type=path core.hooksPath)" -ef "$books/hooks" ] && continue 2
        sleep 0.1
      done
      echo "$repository does not go through the gate: set its core.hooksPath to $books/hooks" >&2
      exit 8
    done || exit 8
    ;;
  list)
    place || exit 1
    repositories "$place/said" > "$place/all" || exit 1
    while IFS= read -r repository; do
      printf '= %s\n' "$repository"
      git -C "$repository" for-each-ref --format='%(objectname) %(refname)' || exit 1
    done < "$place/all"
    ;;
  refs) [ ! -d "$1" ] || git -C "$1" for-each-ref --format='%(refname)' "$2" ;;
  differs)
    # In groups: `= REPOSITORY`, the objects that the copy has there, and `? OBJECT REFERENCE` for each difference: what the
    # copy has, 0 for nothing. For each: `same`, `diverged`, or `behind` and when the oldest commit was made that the copy
    # lacks. Where it lacks no commit, the first push tells that the copy, which is at $1, has not taken; if there is none,
    # it is `stale`: it has something that was moved back or deleted, and nothing will come that says so.
    place || exit 1
    skip=$(( $1 - $(number base) ))
    while IFS= read -r line; do
      case $line in
        '= '*) repository=${line#= } asked='' && : > "$place/has" ;;
        '? '*)
          [ -d "$repository" ] || { echo "diverged 0"; continue; }
          [ -n "$asked" ] || { asked=1; leave_out "$repository" "$place/has" > "$place/known"; }
          line=${line#'? '}
          copy=${line%% *} reference=${line#* }
          now=$(git -C "$repository" rev-parse --quiet --verify "$reference" || echo 0)
          if [ "$copy" = "$now" ]; then echo "same 0"; continue; fi
          if [ "$copy" != 0 ] && ! git -C "$repository" cat-file -e "$copy" 2>/dev/null; then echo "diverged 0"; continue; fi
          at=
          [ "$now" = 0 ] || at=$(git -C "$repository" log --format=%ct --stdin "$now" < "$place/known" 2>/dev/null | tail -n 1)
          [ -n "$at" ] || at=$(R=$repository awk -v skip="$skip" \
            'NR > skip { at = $1; sub(/^[^ ]* /, ""); if ($0 == ENVIRON["R"]) { print at; exit } }' "$books/pushes")
          if [ -n "$at" ]; then echo "behind $at"; else echo "stale 0"; fi
          ;;
        *) printf '%s\n' "$line" >> "$place/has" ;;
      esac
    done
    ;;
  lacks)
    # Of lines `OBJECT REFERENCE REPOSITORY`, how many are of objects that are here and are no part of what stands at the
    # reference: it never was here, or goes another way. One that stands further on here may have gone on, or been moved
    # back there: that can't be told from references, and is not counted.
    lost=0 lines=0
    while read -r object reference repository; do
      lines=$(( lines + 1 ))
      [ -d "$repository" ] && git -C "$repository" cat-file -e "$object" 2>/dev/null || continue
      git -C "$repository" merge-base --is-ancestor "$object" "$reference" 2>/dev/null || lost=$(( lost + 1 ))
    done
    [ "$lines" = "$1" ] || { echo "the references were not told wholly: does \`via\` hand on standard input?" >&2; exit 1; }
    echo "$lost"
    ;;
  check)
    printf '%s\n' "$1" | while IFS= read -r repository; do
      # What a push brings in comes and goes while it is read: damage is there each time that one looks.
      found=damaged
      for look in 1 2 3; do
        if git -C "$repository" fsck --no-dangling --no-progress >/dev/null 2>&1; then found=sound; break; fi
      done
      echo $found
    done
    ;;
  follow)
    # From now on nobody pushes here: it is being made a copy of $1.
    write fence "it is being made a copy of $1" && write role "replica $1" && write copied 0
    ;;
  fetch)
    # Lines of repositories that are to be as at $1.
    printf '%s\n' "$2" | while IFS= read -r repository; do
      url=$1/$repository
      case $1 in *://*) url=$1/$(printf %s "$repository" | sed 's/%/%25/g; s/ /%20/g; s/#/%23/g; s/?/%3F/g') ;; esac
      new=
      [ -d "$repository" ] || new=1
      behind_the_gate "$repository" || exit 1
      git -C "$repository" -c gc.auto=0 fetch --quiet --prune --force --no-tags "$url" '+refs/*:refs/*' || exit 1
      if [ -n "$new" ]; then
        head=$(git ls-remote --symref "$url" HEAD | sed -n 's/^ref: \([^	]*\)	HEAD$/\1/p')
        [ -z "$head" ] || git -C "$repository" symbolic-ref HEAD "$head"
      fi
    done || exit 1
    ;;
  followed) write copied "$1" && rm -f "$books/fence" ;;
  preserve)
    # In groups, $2 of them: `= REPOSITORY`, and the objects that the other side has there. Of each repository its
    # references are listed, and what the other side does not have is bundled.
    place || exit 1
    kept=$books/preserved/$1 total=0
    mkdir -p "$kept" && chmod 700 "$books/preserved" || exit 1
    cat > "$place/asked" && sed -n 's/^= //p' "$place/asked" > "$place/all" || exit 1
    [ "$(( $(wc -l < "$place/all") ))" = "$2" ] ||
      { echo "what to keep was not told wholly: does \`via\` hand on standard input?" >&2; exit 1; }
    number=0
    while IFS= read -r repository; do
      # Numbered: `a/b.git` and `a_b.git` are two.
      number=$(( number + 1 ))
      name=$kept/$number-$(printf %s "$repository" | tr / _)
      R=$repository awk '/^= / { on = (substr($0, 3) == ENVIRON["R"]); next } on' "$place/asked" > "$place/has" &&
        leave_out "$repository" "$place/has" > "$place/known" || exit 1
      git -C "$repository" for-each-ref --format='%(objectname) %(refname)' > "$name.refs" || exit 1
      count=$(git -C "$repository" rev-list --count --all --stdin < "$place/known") || exit 1
      # The object of an annotated tag is no commit, and is lost like one.
      tags=$(git -C "$repository" for-each-ref --format='%(objecttype) %(objectname)' |
        sed -n 's/^tag //p' | LC_ALL=C sort -u | { LC_ALL=C sort -u "$place/has" > "$place/sorted"; LC_ALL=C comm -23 - "$place/sorted"; } | wc -l)
      total=$(( total + count + tags ))
      git -C "$repository" rev-list --objects --all --stdin < "$place/known" > "$place/objects" || exit 1
      [ -s "$place/objects" ] || continue
      git -C "$repository" bundle create --quiet "$name.bundle" --all --stdin < "$place/known" || exit 1
      git -C "$repository" bundle verify --quiet "$name.bundle" >/dev/null || exit 1
    done < "$place/all"
    echo "$total $kept"
    ;;
  deletions)
    [ -d "$books/deleted" ] || { echo "$books/deleted is not there: see docs/providers/git.md" >&2; exit 1; }
    tail -n 10000 "$books/deleted/log" 2>/dev/null || true
    ;;
  recover)
    # What is kept of $3, deleted at $2, into a scratch place of run $1. Heads are counted in the bundle itself.
    bundle=$books/deleted/$2-$(printf %s "$3" | tr / _).bundle
    [ -e "$bundle" ] || { echo gone; exit 0; }
    place=$books/recovered/$1
    mkdir -p "$place" && chmod 700 "$books/recovered" || exit 1
    place=$place/$(printf %s "$3" | tr / _)
    rm -rf "$place"
    git clone --quiet --mirror "$bundle" "$place" 1>&2 || exit 1
    before=$(git bundle list-heads "$bundle" | awk '$2 != "HEAD"' | wc -l)
    refs=$(git -C "$place" for-each-ref | wc -l)
    objects=$(git -C "$place" rev-list --all --objects | wc -l)
    damaged=$(git -C "$place" fsck --full --no-dangling --no-progress 2>&1 | grep -c -E '^(error|missing|broken|dangling)')
    echo "$(( refs )) $(( before )) $(( objects )) $(( damaged )) $place"
    ;;
  discard-recovered)
    [ -d "$books/recovered/$1" ] || exit 0
    find "$books/recovered/$1" -mindepth 1 -maxdepth 1 -print
    rm -rf "${books:?}/recovered/${1:?}"
    ;;
  *) echo "unknown: $verb" >&2; exit 2 ;;
esac
