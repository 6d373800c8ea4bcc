import { MemoryBus } from './memory-bus.js';
import { describeTopicBus } from './topic-bus-cases.js';

describeTopicBus('within the process', () => Promise.resolve(new MemoryBus()));
