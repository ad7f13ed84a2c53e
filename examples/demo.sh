#!/bin/sh
# New emoji from the model that comes with pixace; then the main job from end to end, on pictures
# that the project draws itself: train a small model, complete pictures it has not seen, draw new
# ones. Three to four minutes on two CPU cores.
set -eu

PIXACE=${PIXACE:-pixace}
PYTHON=${PYTHON:-python3}
OUT=${1:-demo}

"$PIXACE" predict --model_name=emoji --weights_dir="$OUT/model-weights" \
    --batch_size=3 --temperature=0.9,1,1,1,1,1 --seed=4 --scale=96 --out="$OUT/emoji.png"

"$PYTHON" "$(dirname "$0")/draw_sprites.py" --out="$OUT/sprites"

"$PIXACE" train \
    --model_name=sprites --weights_dir="$OUT/model-weights" \
    --images="$OUT/sprites/train" --val_images="$OUT/sprites/val" \
    --image_size=16 --bitdepth=4,3,3 \
    --model_type=pointer --d_model=128 --d_ff=512 --n_layers=4 --n_heads=4 \
    --batch_size=8 --dropout=0 --optimizer=muon \
    --learning_rate=0.012 --warmup_steps=30 --schedule=cosine \
    --steps_per_epoch=500 --n_epochs=1

# The first sixteen sprites that the model has not seen; and one of each of four kinds.
held_out=$(printf ',%s' "$OUT"/sprites/val/*-0000?.png "$OUT"/sprites/val/*-0001[0-5].png)
prompts=$(ls "$OUT"/sprites/val/*.png | awk -F/ '{ kind = $NF; sub(/-.*/, "", kind) }
    ++seen[kind] == 3 && ++n % 3 == 0 { printf "%s%s", sep, $0; sep = "," }')

"$PIXACE" predict --model_name=sprites --weights_dir="$OUT/model-weights" \
    --prompt="$prompts" --temperature=0,0.7,1.0 --seed=1 --scale=128 --out="$OUT/completed.png"
"$PIXACE" predict --model_name=sprites --weights_dir="$OUT/model-weights" \
    --prompt="${held_out#,}" --temperature=0 --seed=1 --scale=64 --out="$OUT/held_out.png"
"$PIXACE" predict --model_name=sprites --weights_dir="$OUT/model-weights" \
    --batch_size=4 --temperature=0.8,0.8,0.8,0.8 --seed=1 --scale=128 --out="$OUT/drawn.png"
