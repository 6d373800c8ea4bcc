import { describe, expect, it } from 'vitest';
import { GroupCommit, type GroupedWork } from './group-commit.js';

/** A database that runs works one after the other, and notes which shared a commit. */
class Groups {
  readonly sizes: number[] = [];
  isBroken = false;

  readonly write = async (works: Iterable<GroupedWork>): Promise<void> => {
    let size = 0;
    if (this.isBroken) throw new Error('the disk is gone');
    for (const { run, done, fail } of works) {
      size += 1;
      try {
        // The works of these tests look at no database.
        done(await run(undefined as never));
      } catch (error) {
        fail(error);
      }
    }
    this.sizes.push(size);
    if (this.isBroken) throw new Error('the disk is full');
  };
}

const give = (value: number) => () => Promise.resolve(value);

describe('GroupCommit', () => {
  it('commits what waits at the same time at once, and answers each with its own', async () => {
    const groups = new Groups();
    const commit = new GroupCommit(groups.write);
    const all = await Promise.all([1, 2, 3].map((value) => commit.run(give(value))));
    expect(all).toEqual([1, 2, 3]);
    expect(groups.sizes).toEqual([3]);
    await commit.idle();
  });

  it('waits a little for what was announced, and not for ever', async () => {
    const groups = new Groups();
    const commit = new GroupCommit(groups.write);
    const [first, late] = [commit.announce(), commit.announce()];
    const answers = [commit.run(give(1))];
    await new Promise((resolve) => setImmediate(resolve));
    answers.push(commit.run(give(2)));
    expect(await Promise.all(answers)).toEqual([1, 2]);
    expect(groups.sizes).toEqual([2]);
    first[Symbol.dispose]();
    // The other one is announced and never comes.
    expect(await commit.run(give(3))).toBe(3);
    expect(await Promise.all([commit.run(give(4)), commit.run(give(5))])).toEqual([4, 5]);
    late[Symbol.dispose]();
    expect(await commit.run(give(6))).toBe(6);
  });

  it('tells a work that fails alone, and the others go through', async () => {
    const groups = new Groups();
    const commit = new GroupCommit(groups.write);
    const outcomes = await Promise.allSettled([
      commit.run(give(1)),
      commit.run(() => Promise.reject(new Error('mine'))),
      commit.run(give(3)),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(groups.sizes).toEqual([3]);
  });

  it('tells all whose commit failed, and goes on with the next', async () => {
    const groups = new Groups();
    const commit = new GroupCommit(groups.write);
    groups.isBroken = true;
    const outcomes = await Promise.allSettled([commit.run(give(1)), commit.run(give(2))]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    groups.isBroken = false;
    expect(await commit.run(give(3))).toBe(3);
  });
});
