import type { PackedBorders } from './src/borders.js';

export function packBorders(): PackedBorders;
