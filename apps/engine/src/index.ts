export { type EngineConfig, engineSettings, loadEngineConfig } from './engine.config.js';
export { engineApp } from './engine-app.js';
