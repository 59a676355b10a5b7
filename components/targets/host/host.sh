# Runs on the host: `sh -s -- pull | release | remove | forget`, on stdin the settings (hostSettings.ts) and then this text. Only
# functions until the last line, so nothing runs before all of it was read. POSIX sh: dash, bash, busybox, zsh. No secret is in
# an argument of a process or in a file: printf is a builtin, and here-documents (files, in some shells) are not used.
# Names in shared folders, and words of the engine, registries and containers, are hostile: never run, split or sent to a terminal as they are.
# macOS, BusyBox and minimal images lack timeout, flock, sha256sum or /proc, so only POSIX tools are required.
#
# What is on the host, by name: $app serves; $app-previous is stopped, for going back; $app-next is about to serve;
# $app-candidate and $app-release are there only while a release is. Images: localhost/multiarch/$app:<digest>.
# A release moves along: candidate healthy → $app stopped → $app-next started and healthy → renamed. A run that was killed
# anywhere leaves a state that `repair` knows.
set -fu
export LC_ALL=C
cli=docker input=/dev/null limit=60 # seconds that one call of the engine may take
status=0 action='' username='' password='' server='' said='' reason='' ours='' stage='' revived='' directory='' sum='' mark='' timer='' defaults=''
newline='
'

mask() { # $1 with every secret value replaced
  masked=$1
  with_secrets mask_each
  printf '%s\n' "$masked"
}
mask_each() {
  for secret in "$@"; do
    [ -n "$secret" ] || continue
    rest=$masked masked=''
    while :; do
      case $rest in *"$secret"*) ;; *) break ;; esac
      masked=$masked${rest%%"$secret"*}'***'
      rest=${rest#*"$secret"}
    done
    masked=$masked$rest
  done
}
# C1 controls (U+0080 to U+009F), bidirectional marks and line separators, in UTF-8: some terminals obey them. The Pulumi CLI reads <{% as a color.
controls=$(printf 's/<{%%/<?%%/g; s/\330\234/?/g; s/\302[\200-\237]/?/g; s/\342\200[\216\217\250-\256]/?/g; s/\342\201[\246-\251]/?/g')
visible() { # prints stdin after the sed script $1, without control characters, and with long lines cut
  tr '\001-\010\013-\037\177' '?' | sed "$controls; $1" | cut -b 1-4000
}
say() { mask "$*" | visible '2,$s/^/  | /' >&2; } # only the first line is ours: what follows may be somebody else's words
fail() { say "$@"; exit 1; }

show_log() { # the last lines that container $1 wrote, marked as somebody else's words
  record logs --tail 20 "$1" || return 0
  [ -z "$said" ] || mask "$said" | visible 's/^/  | /' >&2
}

architecture_of() { # one spelling for what uname, Docker and OCI say
  case $1 in x86_64 | amd64) echo x86_64 ;; aarch64 | arm64) echo arm64 ;; *) echo "$1" ;; esac
}

explain() { # the sentence that fits what the engine or a program said ($1)
  machine=$(uname -m)
  built=$(engine image inspect --format '{{.Architecture}}' "$image" 2>/dev/null)
  if [ -n "$built" ] && [ "$(architecture_of "$built")" != "$(architecture_of "$machine")" ]; then
    say "the image is built for $built and this machine is $machine: state the machine's architecture, so that the image is built for it"
    return
  fi
  # The kernel, the engine, `--init` of Docker (tini) and of Podman (catatonit), and env; an app prints such words, too.
  case $(printf '%s\n' "$1" | awk '/^exec [^ ]*: |exec user process caused|start container process: exec: |crun: |^\[FATAL tini |^ERROR \(catatonit|^env: /') in
  *'ermission denied'*) say "the container's user can't execute the command: COPY it with --chmod=755" ;;
  *'o such file'* | *'not found'*) say "the image lacks the command or what starts it: the program in a script's first line (its name ends with a carriage return if the script has Windows line endings) or a program's dynamic loader. A warning of the verification names it (verify.depth \"entrypoint\")" ;;
  esac
  case $1 in # `--init` starts what the kernel doesn't know as a script of the image's shell, which stumbles over the file's header
  *'xec format error'* | *'cannot execute binary file'* | *ELF*'not found'* | *ELF*yntax*) say "the image says $built, as this machine, and yet holds a program for another architecture: look for a fixed --platform in a FROM line of its Dockerfile, or a base image of one platform" ;;
  *'no space left'*) say "the disk of the container engine is full: \`$cli system df\` shows what fills it, \`$cli system prune\` frees what nothing uses" ;;
  esac
}

# The engine -------------------------------------------------------------------------------------------------------
# In a subshell, whose traps are the default: TERM to a process that was just forked is lost if its parent has a trap for it. KILL never is.
bounded() ( # runs a command, which reads $input, for at most $1 seconds; status 124 if it takes longer
  seconds=$1 && shift
  exec 3<"$input" # not <&0: bash 5.2 crashes on that in a script that it reads from stdin
  "$@" <&3 3<&- &
  worker=$!
  (
    nap=''
    trap '[ -z "$nap" ] || kill -9 "$nap"; exit' TERM
    sleep "$seconds" &
    nap=$!
    wait "$nap"
    trap 'kill -9 "$nap"; exit 124' TERM
    kill "$worker"
    sleep 5 &
    nap=$!
    wait "$nap"
    kill -9 "$worker"
    exit 124
  ) </dev/null >/dev/null 2>&1 3<&- &
  watcher=$!
  wait "$worker" 2>/dev/null
  code=$?
  { kill "$watcher"; wait "$watcher"; } 2>/dev/null
  [ $? -ne 124 ] || code=124
  exit "$code"
)

# A timer is a process, because the clock may be set while it runs.
start_timer() {
  sleep "$1" </dev/null >/dev/null 2>&1 &
  timer=$!
}
is_due() { ! kill -0 "$timer" 2>/dev/null; }
stop_timer() {
  [ -z "$timer" ] || { kill -9 "$timer"; wait "$timer"; } 2>/dev/null
  timer=''
}

engine() { bounded "$limit" "$cli" "$@"; }

record() { # sets said to the last 20 KB of an engine call's output, long lines cut: a container can print without end, also in one line
  said=$({ engine "$@" 2>&1; printf '\n%s' "$?"; } | tail -c 1000000 | cut -b 1-4000 | tail -c 20000)
  status=${said##*"$newline"}
  said=$(printf '%s\n' "${said%"$newline"*}")
  return "$status"
}
within() { # $1 seconds for an engine call whose words are kept for an explanation
  limit=$1 && shift
  record "$@"
  [ "$status" -ne 124 ] || said="no answer from $cli within $limit s"
  limit=60
  return "$status"
}
run() { within 60 "$@"; }

inspect() { engine container inspect --format "$2" "$1" 2>/dev/null; }
exists() { inspect "$1" '{{.Id}}' >/dev/null; }
is_running() { [ "$(inspect "$1" '{{.State.Status}}')" = running ]; }
discard() { ! exists "$1" || run rm --force --volumes "$1"; } # its anonymous volumes go with it, named ones stay
stop() { within $((stop_timeout + 30)) stop -t "$stop_timeout" "$1"; }

find_engine() { # docker where it is installed, for the release that serves may be in it; else podman
  command -v docker >/dev/null || cli=podman
  command -v "$cli" >/dev/null || fail 'there is no container engine on the host: install Docker or Podman'
  within 10 version || fail "the container engine on the host doesn't answer; \`$cli version\` says: ${said##*
}"
}

pause() { sleep 0.1 2>/dev/null || sleep 1; }

# The lock is a container that is never started: the engine gives a name to one container only, whichever account asks, and an ID
# names one container for ever, so a lock whose owner is gone can be removed without removing its successor. Nothing is inherited, and
# no other user of the host can hold, replace or block it.
take_lock() { # creates it from image $1, which exists; without an image, only waits until there is none
  place=$(uname -n)/$(readlink /proc/self/ns/pid 2>/dev/null)
  boot=$(cat /proc/sys/kernel/random/boot_id 2>/dev/null) || boot=-
  mark="$$ $(id -u) $(date +%s) $boot $place"
  told='' failures=0
  start_timer "$lock_timeout"
  while :; do
    # The image may have labels that say that the lock is a container of an app.
    ! { [ -n "$1" ] && run create --pull never --name "$app-lock" --label "multiarch.lock=$mark" --label "multiarch.locks=$resource" --label multiarch.app= --label multiarch.resource= "$1" lock; } || break
    refused=$said
    if ! find_lock; then
      [ -n "$1" ] || break
      failures=$((failures + 1)) # one is another release's end at this moment
      [ "$failures" -lt 5 ] || fail "the lock container $app-lock could not be created: $refused"
    elif [ "${held#* }" = "$mark" ]; then
      break # the engine created it after the time limit
    elif is_abandoned $held && discard "${held%% *}"; then
      continue
    elif is_due; then
      fail "another release of $app has been running on this host for $lock_timeout s ($holder). Wait for it or end it, and run \`pulumi up\` again. If it no longer runs, remove its lock: \`$cli rm $app-lock\`"
    else
      [ -n "$told" ] || { told=yes && say "waiting for another release of $app on this host ($holder)"; }
      pause
    fi
  done
  stop_timer
}

find_lock() { held=$(inspect "$app-lock" '{{.Id}} {{index .Config.Labels "multiarch.lock"}}'); }

is_abandoned() { # whether the owner of a lock is gone: its ID, then what its label says
  [ $# -eq 6 ] || fail "the name $app-lock is taken by a container that multiarch did not create. Rename or remove it, or give this component another name"
  holder="process $2 of user $3 on ${6%%/*}"
  case $2$4 in *[!0-9]*) return 1 ;; esac
  if [ "$6" != "$place" ]; then # another host or container, whose processes can't be seen from here
    [ $(($(date +%s) - $4)) -gt $((lock_timeout + pull_timeout)) ]
    return
  fi
  [ "$boot" = - ] || [ "$5" = - ] || [ "$5" = "$boot" ] || return 0
  case $(kill -0 "$2" 2>&1)$(ps -o stat= -p "$2" 2>/dev/null) in *'o such process'* | Z*) ;; *) return 1 ;; esac
}

# An engine that doesn't answer has not said that there are none.
list_containers() { listed=$(engine ps --all --quiet --no-trunc --filter "$1" 2>/dev/null) || fail "the engine doesn't tell which containers $app has: see what \`$cli ps --all\` says"; }

fetch() { # the image, by its digest
  run image inspect --format '{{.Id}}' "$image" && return
  say "pulling $image"
  within "$pull_timeout" pull --quiet "$image" && return
  pulled=$said
  say "the image could not be pulled: $pulled"
  explain "$pulled"
  case $pulled in
  *nauthorized* | *denied* | *'no basic auth'* | *orbidden*)
    say "the registry $registry refused the credentials, or was given none: give the host a registry username and password that may pull, or log its engine in"
    [ "$action" = pull ] || say "(the credentials are used by the resource $name-pull: \`pulumi up --replace\` with its URN pulls again)"
    ;;
  *'not found'* | *unknown*) say "the registry $registry doesn't hold this digest (any longer): build and push it again" ;;
  esac
  exit 1
}

# The pull: pull, forget =============================================================================================
sweep() { # removes the folders that killed runs left in $1, which other users may write to
  set +f
  for left in "$1"/multiarch.*.??????; do
    set -f
    suffix=${left##*/multiarch.}
    process=${suffix%.*}
    case $process in '' | *[!0-9]*) continue ;; esac
    case ${suffix##*.} in *[!A-Za-z0-9]*) continue ;; esac
    if [ -L "$left" ] || [ ! -d "$left" ] || [ ! -O "$left" ]; then continue; fi
    case $(kill -0 "$process" 2>&1) in *'o such process'*) rm -rf "$left" ;; esac
  done
  set -f
}

# Credentials reach the engine's client through a helper that reads them from the environment, so they are never in a file. Both the
# client's configuration and the helper give them to their own registry only.
prepare_login() {
  [ -n "$username" ] || return 0
  case $registry in docker.io | index.docker.io | registry-1.docker.io) server='https://index.docker.io/v1/' ;; *) server=$registry ;; esac
  for base in "${TMPDIR:-/tmp}" /var/tmp "${HOME:-/}"; do # some hosts mount /tmp without the right to execute
    sweep "$base"
    directory=$(mktemp -d "$base/multiarch.$$.XXXXXX" 2>/dev/null) || continue
    helper=$directory/docker-credential-multiarch
    printf '%s\n' '#!/bin/sh' 'escape() { printf %s "$1" | sed '\''s/[\\"]/\\&/g'\''; }' '[ "$1" = get ] || exit 0' 'read -r server' \
      'case $server in "$MULTIARCH_REGISTRY" | "$MULTIARCH_SERVER") ;; *) echo "credentials not found in native keychain" && exit 1 ;; esac' \
      'printf '\''{"Username":"%s","Secret":"%s"}\n'\'' "$(escape "$MULTIARCH_REGISTRY_USERNAME")" "$(escape "$MULTIARCH_REGISTRY_PASSWORD")"' >"$helper"
    chmod 700 "$helper"
    "$helper" erase 2>/dev/null && break
    rm -rf "$directory"
    directory=''
  done
  [ -n "$directory" ] || fail 'no folder for a credential helper: /tmp, /var/tmp and the home folder are all read-only or not executable'
  printf '{"credHelpers":{"%s":"multiarch","%s":"multiarch"}}\n' "$registry" "$server" >"$directory/config.json"
  [ "$cli" != docker ] || [ -n "${DOCKER_HOST:-}" ] || ln -s "${DOCKER_CONFIG:-${HOME:-}/.docker}/contexts" "$directory/contexts"
}
use_login() { # for the processes started from here on
  [ -n "$directory" ] || return 0
  if [ "$cli" = docker ] && [ -z "${DOCKER_HOST:-}" ]; then # the engine of the user's own context, TLS files included
    DOCKER_CONTEXT=$(engine context inspect --format '{{.Name}}' 2>/dev/null) || DOCKER_CONTEXT=default
    export DOCKER_CONTEXT
  fi
  MULTIARCH_REGISTRY=$registry MULTIARCH_SERVER=$server MULTIARCH_REGISTRY_USERNAME=$username MULTIARCH_REGISTRY_PASSWORD=$password
  PATH=$directory:$PATH DOCKER_CONFIG=$directory REGISTRY_AUTH_FILE=$directory/config.json
  export MULTIARCH_REGISTRY MULTIARCH_SERVER MULTIARCH_REGISTRY_USERNAME MULTIARCH_REGISTRY_PASSWORD PATH DOCKER_CONFIG REGISTRY_AUTH_FILE
}

pull() {
  machine=$(architecture_of "$(uname -m)")
  [ "$machine" = "$architecture" ] ||
    fail "the host is to be $architecture, and this machine is $machine (\`uname -m\`): set the host's architecture to $machine, or deploy to a machine that is $architecture"
  find_engine
  prepare_login
  (use_login && fetch) || exit 1 # in a process of its own, so that no other one is given the credentials
  built=$(engine image inspect --format '{{.Architecture}}' "$image" 2>/dev/null) || fail "the engine can't tell what the image is for"
  [ "$(architecture_of "$built")" = "$architecture" ] || { explain '' && exit 1; }
  # The tag is the record of what was pulled for this app, and keeps the image from the engine's prune.
  run tag "$image" "localhost/multiarch/$app:${image##*:}" || fail "the image could not be tagged: $said"
}

list_images() { engine images --format '{{.Repository}}:{{.Tag}}' "localhost/multiarch/$app" 2>/dev/null; }

remove_images() { # $@: tags of this app's images; the digest goes too where no other app of ours has it
  for tag in "$@"; do
    references=$(engine image inspect --format '{{range .RepoDigests}}{{.}} {{end}}' "$tag" 2>/dev/null) || continue
    run rmi "$tag"
    for reference in $references; do
      case "$reference $(engine image inspect --format '{{.RepoTags}}' "$reference" 2>/dev/null)" in
      *localhost/multiarch/*) ;;
      *"@sha256:${tag##*:} "*) run rmi "$reference" ;;
      esac
    done
  done
}

forget() { # the images that no container of this name uses
  find_engine
  names="name=^/?$app(-next|-previous)?\$"
  list_containers "$names"
  take_lock "$(inspect "${listed%%"$newline"*}" '{{.Image}}')" # without a container every image goes, and none can be the lock's
  list_containers "$names"
  used=' '
  for container in $listed; do
    used="$used$(inspect "$container" '{{.Config.Image}}') "
  done
  for tag in $(list_images); do
    case $used in *"@sha256:${tag##*:} "*) ;; *) remove_images "$tag" ;; esac
  done
}

# The release: release, remove =======================================================================================
# Checks -------------------------------------------------------------------------------------------------------------
check_names() { # never touches a container that it didn't make
  for suffix in '' -next -previous -candidate -release; do
    maker=$(inspect "$app$suffix" '{{index .Config.Labels "multiarch.app"}}') || continue
    [ "$maker" = "$owner" ] || [ "$(inspect "$app$suffix" '{{index .Config.Labels "multiarch.resource"}}')" = "$resource" ] ||
      fail "the name $app$suffix is already in use by a container that ${maker:-somebody else} created: rename it (\`$cli rename\`) or remove it, or give this component another name"
  done
  ours=yes
}

listening() { # whether something listens on address $1, port $2; the kernel's table has hexadecimal, bytes reversed
  case $1 in
  0.0.0.0 | '[::]') hex='' ;;
  *.*.*.*) hex=$(IFS=. && set -- $1 && printf '%02X%02X%02X%02X' "$4" "$3" "$2" "$1") ;;
  *) hex=none ;;
  esac
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
    awk -v port="$(printf '%04X' "$2")" -v address="$hex" '$4 == "0A" { split($2, at, ":")
      if (at[2] == port && (address == "" || at[1] ~ /^0+$/ || at[1] == address)) found = 1 }
      END { exit !found }' 2>/dev/null
}

check_ports() { # before the release that serves is stopped; a port that it holds itself is free for the next
  held=$(engine port "$app" 2>/dev/null)
  for at in $ports; do
    case "$held " in *"-> $at"[!0-9]*) continue ;; esac
    listening "${at%:*}" "${at##*:}" || continue
    holder=$(engine ps --filter "publish=${at##*:}" --format '{{.Names}}' 2>/dev/null)
    fail "port ${at##*:} of the host is taken by ${holder:+the container }${holder:-another program}: end that, or choose another host port"
  done
}

# Health -----------------------------------------------------------------------------------------------------------
probe() { # the HTTP status that http://$1$2 answers with, or nothing
  case $prober in
  curl) bounded 6 curl -q -g -s -o /dev/null --noproxy '*' -m 5 -w '%{http_code}' "http://$1$2" ;;
  wget)
    (unset http_proxy HTTP_PROXY && bounded 6 wget -S -O /dev/null "http://$1$2" 2>&1) |
      sed -n 's/^ *HTTP\/[0-9.]* \([0-9]*\).*/\1/p' | head -n 1
    ;;
  bash) bounded 6 bash -c 'exec 3<>"/dev/tcp/$1/$2" && printf "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n" "$3" "$1" >&3 &&
    read -r _ code _ <&3 && printf %s "$code"' - "$(printf %s "${1%:*}" | tr -d '[]')" "${1##*:}" "$2" 2>/dev/null ;;
  esac
}

wait_healthy() { # container $1, for HTTP answering at $2, restarted $3 times before; else $reason says why not
  if [ "$health" = running ]; then start_timer "$health_seconds"; else start_timer "$health_timeout"; fi
  become_healthy "$@"
  healthy=$?
  stop_timer
  return "$healthy"
}
become_healthy() {
  while :; do
    state=$(inspect "$1" '{{.State.Status}} {{.RestartCount}} {{.State.ExitCode}}')
    case $state in
    "running ${3:-0} "*) ;;
    '') reason="$cli doesn't tell how it is"; return 1 ;;
    exited*) reason="it ended with exit code ${state##* }"; return 1 ;;
    *) reason='it ended and was started again' && return 1 ;; # by the engine, as the restart policy says
    esac
    case $health in
    http)
      answer=$(probe "$2" "$health_path")
      case $answer in 2?? | 3??) return 0 ;; 000 | '') answer=nothing ;; esac
      reason="$health_path answered $answer after $health_timeout s"
      ;;
    command)
      with_health_command within 10 exec "$1" && return 0
      reason="the health command ended with exit code $status after $health_timeout s: $said"
      ;;
    running) ! is_due || return 0 ;;
    esac
    [ "$health" = running ] || ! is_due || return 1
    pause
  done
}

give_up() { # container $1 won't do, and the rest says why; its last lines, and what they mean. `leave` puts the host right
  problem=$said container=$1 && shift
  say "$@"
  show_log "$container"
  explain "$problem$newline$said"
  exit 1
}
unhealthy() { give_up "$1" "the new release isn't healthy: ${reason:-it could not be started: $said}"; }

# Steps --------------------------------------------------------------------------------------------------------------
runs_wanted() { is_running "$1" && [ "$(inspect "$1" '{{index .Config.Labels "multiarch.settings"}}')" = "$sum" ]; }
create_container() { # $@: options, image and command; the environment goes in on stdin, values of several lines as exports
  said=$(environment_lines | (input=/dev/stdin && with_long_environment bounded 60 "$cli" create --pull never --env-file /dev/stdin $defaults "$@" 2>&1))
}
find_defaults() { # Options that only some engines support. They are not in the fingerprint: another answer must not cause a release.
  supported=$(engine info --format '{{.LoggingDriver}} {{.PidsLimit}}' 2>/dev/null) # Podman has limits of its own
  case $(with_options echo) in
  *--log-driver*) ;;
  *) case $supported in 'json-file '* | 'local '*) defaults='--log-opt max-size=10m --log-opt max-file=3' ;; esac ;;
  esac
  case $supported in *' true') defaults="$defaults --pids-limit 8192" ;; esac
}
fingerprint() { # of the very arguments and environment that `create_container` is given
  for hasher in sha256sum shasum openssl cksum; do ! command -v "$hasher" >/dev/null || break; done
  case $hasher in shasum) hasher='shasum -a 256' ;; openssl) hasher='openssl dgst -sha256 -r' ;; esac
  { with_service with_options with_command printf '%s\0' && environment_lines && with_long_environment long_values; } |
    $hasher | cut -d ' ' -f 1
}

# A stack, a project or a component may be renamed. $resource stays the same, and it is the label of everything that this resource made.
await_former() { # the end of runs under a former name: a killed run can continue
  list_containers "label=multiarch.locks=$resource"
  for container in $listed; do
    former=$(inspect "$container" '{{.Name}}') || continue
    former=${former#/}
    [ "$(inspect "$container" '{{index .Config.Labels "multiarch.lock"}}')" = "$mark" ] || (app=${former%-lock} && take_lock '') || exit 1
  done
}
list_own() { # The label alone proves nothing, because `docker commit` copies it into an image, and from there into containers.
  list_containers "label=multiarch.resource=$resource"
  labeled=$listed listed=''
  current=$(for suffix in '' -next -previous -candidate -release; do inspect "$app$suffix" '{{.Id}}'; done)
  for container in $labeled; do
    case $current in *"$container"*) listed="$listed $container" && continue ;; esac
    base=$(inspect "$container" '{{.Image}}') && copied=$(engine image inspect --format '{{index .Config.Labels "multiarch.resource"}}' "$base" 2>/dev/null) ||
      fail "the image of container $container, which has the label of this app, could not be inspected: remove the container by hand if it is no longer needed"
    [ "$copied" = "$resource" ] || listed="$listed $container"
  done
}
adopt() { # The containers of a former name get the new name and keep their role, for `repair`. Their labels can't change, so a swap replaces them.
  list_own
  for container in $listed; do
    case $current in *"$container"*) continue ;; esac
    found=$(inspect "$container" '{{.Name}} {{.State.Status}} {{index .Config.Labels "multiarch.settings"}}') || fail "the engine doesn't tell the state of container $container"
    former=${found%% *} && former=${former#/}
    case ${found#* } in created* | *' ') # It never served.
      discard "$container"
      continue
      ;;
    esac
    case $former in *-next) to=$app-next ;; *-previous) to=$app-previous ;; *) to=$app ;; esac
    case ${found#* } in
    running*) ;; # If its new name is taken, the rename fails: which of the two is to serve is for people to decide.
    *)
      [ "$to" != "$app" ] || ! exists "$app" || to=$app-previous
      ! exists "$to" || { discard "$container" && continue; }
      ;;
    esac
    say "renaming container $former to $to"
    run rename "$container" "$to" || fail "container $former could not be renamed to $to: $said"
    digest=$(inspect "$to" '{{.Config.Image}}')
    run tag "$(inspect "$to" '{{.Image}}')" "localhost/multiarch/$app:${digest##*:}"
  done
}

repair() { # what a killed run left, or a hand's work
  discard "$app-candidate"
  discard "$app-release"
  if exists "$app-next"; then
    if runs_wanted "$app-next" && wait_healthy "$app-next" "$serves_at"; then
      promote
    elif exists "$app" || ! is_running "$app-next"; then
      discard "$app-next"
    else
      run rename "$app-next" "$app" # killed between two renames: this one serves
    fi
  fi
  if ! exists "$app" && exists "$app-previous"; then
    run rename "$app-previous" "$app"
    run update --restart "$restart" "$app"
  fi
  ! exists "$app" || is_running "$app" || { run start "$app" && revived=yes && say 'the release before was found stopped, and was started again'; }
}

promote() { # the next release is healthy: it takes the name
  stage=serving
  if exists "$app"; then
    discard "$app-previous"
    ! is_running "$app" || stop "$app"
    run rename "$app" "$app-previous" || fail "$app could not be renamed: $said"
    run update --restart no "$app-previous" # or some policies start it again with the engine
  fi
  run rename "$app-next" "$app" || fail "$app-next could not be renamed: $said"
  stage=''
}

migrate() { # release.command, from the new image, with the same environment and volumes
  [ "$release_timeout" -gt 0 ] || return 0
  say 'running the release command'
  with_options with_release_command create_container --name "$app-release" --label multiarch.settings= || fail "the release command could not be set up: $said"
  reason=''
  if run start "$app-release"; then
    within "$release_timeout" wait "$app-release" || said=late
    case $said in 0) discard "$app-release" && return ;; late) reason="was still running after $release_timeout s" ;; *) reason="ended with exit code $said" ;; esac
  fi
  give_up "$app-release" "the release command ${reason:-could not be started: $said}"
}

try_candidate() { # the new release beside the one that serves, where only this machine can reach it
  say 'starting the new release beside the one that serves'
  with_candidate_ports with_options with_command create_container --name "$app-candidate" --label multiarch.settings= || fail "the candidate could not be made: $said"
  run start "$app-candidate" || unhealthy "$app-candidate"
  at=$(engine port "$app-candidate" "$health_port/tcp" 2>/dev/null | head -n 1) # one is published if it is asked by HTTP
  wait_healthy "$app-candidate" "$at" || unhealthy "$app-candidate"
  stop "$app-candidate"
  discard "$app-candidate"
}

swap() {
  with_service with_options with_command create_container --name "$app-next" --label "multiarch.settings=$sum" ||
    fail "the container could not be made: $said"
  case $said in *discarded*) say "the engine reports: ${said%
*}" ;; esac # a limit that the host's kernel does not support
  say 'switching to the new release'
  if exists "$app"; then stop "$app" || fail "the release that serves could not be stopped: $said"; fi
  reason=''
  run start "$app-next" || unhealthy "$app-next"
  wait_healthy "$app-next" "$serves_at" || unhealthy "$app-next"
  promote
}

release() {
  find_engine
  for prober in curl bash wget none; do # BusyBox's wget follows redirects, to wherever the container says
    ! command -v "$prober" >/dev/null || break
  done
  [ "$health$prober" != httpnone ] || fail 'a health check by HTTP needs curl, wget or bash on the host: install one, or use a health command'
  kept=$(inspect "$app" '{{.Image}}') || { fetch && kept=$image; }
  take_lock "$kept"
  check_names
  await_former
  adopt
  sum=$(fingerprint)
  repair
  if runs_wanted "$app" && { [ -z "$revived" ] || wait_healthy "$app" "$serves_at" "$(inspect "$app" '{{.RestartCount}}')"; }; then
    # A health check that was changed is asked, or the next release would meet its mistake.
    [ "$health" = running ] || wait_healthy "$app" "$serves_at" "$(inspect "$app" '{{.RestartCount}}')" || unhealthy "$app"
    say 'this release serves already'
  else
    fetch
    find_defaults
    check_ports
    migrate
    [ "$strategy" = stop-first ] || ! is_running "$app" || try_candidate
    swap
    say 'the new release serves'
  fi
  printf '{"container":"%s","image":"%s"}\n' "$(inspect "$app" '{{.Id}}')" "$image"
}

remove() {
  find_engine
  list_containers "label=multiarch.resource=$resource"
  take_lock "$(inspect "${listed%%"$newline"*}" '{{.Image}}')"
  await_former
  list_own
  for container in $listed; do
    stop "$container"
    discard "$container" || fail "a container could not be removed: $said"
  done
}

# Both ===============================================================================================================
leave() { # every way out, a signal included: what is half done is undone
  failed=$?
  trap '' INT TERM
  limit=60
  stop_timer
  [ -z "$directory" ] || rm -rf "$directory"
  if [ -n "$ours" ] && [ "$failed" -ne 0 ]; then
    discard "$app-candidate"
    discard "$app-release"
    [ "$stage" = serving ] || discard "$app-next"
    if [ "$stage" != serving ] && exists "$app"; then
      is_running "$app" || run start "$app" || say "the release before could not be started again: $said"
      ! is_running "$app" || say 'the release before serves, as it did'
    fi
  fi
  # A signal can arrive while the engine creates it, so the label decides.
  if [ -n "$mark" ] && find_lock && [ "${held#* }" = "$mark" ]; then run rm --force --volumes "${held%% *}"; fi
  exit "$failed"
}

main() {
  trap '' PIPE HUP # a cut connection must not end a swap in the middle
  trap leave EXIT
  trap 'exit 130' INT TERM
  # The credentials are taken out of the environment, so that only the pull is given them.
  username=${MULTIARCH_REGISTRY_USERNAME:-} password=${MULTIARCH_REGISTRY_PASSWORD:-}
  unset MULTIARCH_REGISTRY_USERNAME MULTIARCH_REGISTRY_PASSWORD
  action=$1
  case $action in pull | release | remove | forget) "$action" ;; *) fail "no such action: $action" ;; esac
  exit 0
}

main "$@" </dev/null
