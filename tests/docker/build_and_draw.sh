#!/usr/bin/env bash
# Builds Dockerfile.cpu and uses the image as a user would, on a machine without Docker.
#
#   sudo tests/docker/build_and_draw.sh [PICTURE]
#
# As root on Debian: `buildah` builds the image, on a base that `debootstrap` makes (both are
# installed if they are missing). A user id that the image does not know then draws PICTURE
# (docker.png by default) with the ready model, trains for two steps and looks at TensorBoard.
# Takes some minutes and 10 GB below TMPDIR, which are removed in the end. Packages come from
# Debian's mirror (MIRROR=URL names another) and by this machine's /etc/pip.conf.
set -euo pipefail

repository=$(cd "$(dirname "$0")/../.." && pwd)
picture=$(realpath "${1:-docker.png}")
user=12345:12345
export BUILDAH_ISOLATION=chroot

if ! command -v buildah >/dev/null || ! command -v debootstrap >/dev/null; then
    apt-get update
    apt-get install -y --no-install-recommends buildah debootstrap
fi

work=$(mktemp -d -t pixace-docker-XXXXXX)
build() { buildah --storage-driver vfs --root "$work/storage" --runroot "$work/run" "$@"; }
clean_up() {
    build rm --all >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap clean_up EXIT

say() { printf '\n== %s\n' "$*"; }

say "a base of Debian bookworm"
debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates \
    bookworm "$work/debian" ${MIRROR:+"$MIRROR"} >"$work/debootstrap.log" ||
    { tail "$work/debootstrap.log" >&2; exit 1; }
base=$(build from scratch)
build copy --quiet "$base" "$work/debian" /
build commit --quiet --rm "$base" base
rm -rf "$work/debian"

say "the image"
# How this machine reaches the package index is mounted, and so stays out of the image.
access=()
for file in /etc/pip.conf /etc/ssl/certs/ca-certificates.crt; do
    [ ! -e "$file" ] || access+=(--volume "$file:$file:ro")
done
build bud --quiet --file "$repository/Dockerfile.cpu" --build-arg BASE=localhost/base \
    "${access[@]}" --tag pixace "$repository"
build images
build inspect --type image --format \
    'entrypoint {{.OCIv1.Config.Entrypoint}}, user {{.OCIv1.Config.User}}, volumes {{.OCIv1.Config.Volumes}}' pixace

container=$(build from pixace)
install -d -o "${user%:*}" -g "${user#*:}" "$work/host"
# docker run -u USER -v HOST:/work pixace ...
run() {
    printf '$ %s\n' "$*"
    build run --user "$user" --volume "$work/host:/work" \
        --volume "$repository/examples:/examples:ro" "$container" -- "$@"
}

say "as user $user"
run pixace --version
run pixace predict --model_name=emoji --batch_size=3 --temperature=0.9,1,1,1,1,1 --seed=4 --scale=96
run python /examples/draw_sprites.py --out=sprites --train=40 --val=8
run pixace train --model_name=sprites --images=sprites/train --val_images=sprites/val \
    --image_size=16 --bitdepth=4,3,3 --model_type=transformer --d_model=32 --d_ff=64 \
    --n_layers=1 --n_heads=2 --batch_size=8 --steps_per_epoch=2 --n_epochs=1
run timeout 60 tensorboard --logdir=model-weights --bind_all --port=6123 2>/dev/null &
until wget -qO- http://localhost:6123/data/runs | grep sprites/train; do
    kill -0 $! || { echo "TensorBoard shows nothing" >&2; exit 1; }
    sleep 1
done
wait $! || true # until its time is over
ls -ln "$work/host" "$work/host/model-weights/sprites"
cp "$work/host/collage.png" "$picture"
say "look at $picture"
