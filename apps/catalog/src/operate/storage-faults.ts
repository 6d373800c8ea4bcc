import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { catchError, type Observable, throwError } from 'rxjs';
import { asStorageProblem } from '../database/storage-fault.js';

/** A database or disk that fails under a route's reads is nobody's mistake: 503 and not 500. For every route. */
export class StorageFaults implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(catchError((error: unknown) => throwError(() => asStorageProblem(error))));
  }
}
