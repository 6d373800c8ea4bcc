import type { EntityManager } from 'typeorm';

export type SqlValue = string | number | null;

/** A statement of both databases; gives the rows it selects or returns, none for one that returns nothing. */
export type Statement<Row> = (manager: EntityManager, values?: readonly SqlValue[]) => Promise<Row[]>;

/**
 * Prepares a statement whose parameters are `$1`, `$2` …, as often and in whichever order. It goes past the query
 * builder, which costs more than the database on hot paths. On SQLite the driver keeps it prepared.
 *
 * Let an `UPDATE` or `DELETE` say `RETURNING`: that is how to learn what it met.
 *
 * @param textForSqlite where the two databases have no words in common
 */
export function statement<Row = never>(text: string, textForSqlite = text): Statement<Row> {
  const order: number[] = [];
  const sqlite = textForSqlite.replaceAll(/\$(\d+)/g, (_match, index: string) => {
    order.push(Number(index) - 1);
    return '?';
  });
  return async (manager, values = []) => {
    if (manager.dataSource.options.type !== 'postgres') {
      const rows: unknown = await manager.query(
        sqlite,
        order.map((index) => values[index] ?? null),
      );
      return Array.isArray(rows) ? (rows as Row[]) : [];
    }
    const answer: unknown = await manager.query(text, [...values]);
    return rowsOf(answer) as Row[];
  };
}

/** The PostgreSQL driver answers an UPDATE or DELETE with its rows and their number. */
function rowsOf(answer: unknown): unknown[] {
  if (!Array.isArray(answer)) return [];
  const [first, count] = answer as [unknown, unknown];
  return answer.length === 2 && Array.isArray(first) && typeof count === 'number' ? first : answer;
}
