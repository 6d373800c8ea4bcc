import { type RequestMethod, RequestMethod as Methods } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/internal';
import { MetadataScanner, type ModulesContainer, Reflector } from '@nestjs/core';
import { ACCESS, type Access } from '../auth/access.js';
import { ENDPOINT, type EndpointSpec } from './endpoint.js';

/** One route of the application, as its decorators describe it. */
export interface Route {
  /** `ProxyletController.get`, for messages. */
  readonly handler: string;
  readonly method: string;
  /** `/v1/proxylets/:ns/:name` */
  readonly path: string;
  readonly access: Access | undefined;
  readonly endpoint: EndpointSpec | undefined;
}

/** Every route of every controller. */
export function routesOf(modules: ModulesContainer): Route[] {
  const controllers = [...modules.values()].flatMap((module) => Array.from(module.controllers.values()));
  return controllers.flatMap(({ metatype, instance }) => {
    if (typeof metatype !== 'function') return [];
    const prototype: unknown = Object.getPrototypeOf(instance ?? metatype.prototype) ?? metatype.prototype;
    const names = new MetadataScanner().getAllMethodNames(prototype as object);
    return names.flatMap((name) => routeOf(metatype, name));
  });
}

/**
 * Fails the start where a route says nothing about its access, so that a forgotten decorator is found before the
 * first request.
 */
export function assertEveryRouteDecided(routes: readonly Route[]): void {
  const open = routes.filter(({ access }) => access === undefined);
  if (open.length === 0) return;
  const names = open.map(({ handler, method, path }) => `${handler} (${method} ${path})`).join(', ');
  throw new Error(`These routes state no access rule (@Endpoint, @Public or @RequireScopes): ${names}`);
}

type Controller = Function & { readonly prototype: object };

function routeOf(metatype: unknown, name: string): Route[] {
  const controller = metatype as Controller;
  const handler: unknown = Reflect.get(controller.prototype, name);
  if (typeof handler !== 'function') return [];
  const path: unknown = Reflect.getMetadata(PATH_METADATA, handler);
  if (path === undefined) return [];
  const method: RequestMethod | undefined = Reflect.getMetadata(METHOD_METADATA, handler);
  const reflector = new Reflector();
  const bases = pathsOf(Reflect.getMetadata(PATH_METADATA, controller));
  return bases.flatMap((base) =>
    pathsOf(path).map((own) => ({
      handler: `${controller.name}.${name}`,
      method: Methods[method ?? Methods.GET],
      path: `/${[base, own]
        .flatMap((part) => part.split('/'))
        .filter((part) => part !== '')
        .join('/')}`,
      access: reflector.getAllAndOverride<Access | undefined>(ACCESS, [handler, controller as never]),
      endpoint: reflector.get<EndpointSpec | undefined>(ENDPOINT, handler),
    })),
  );
}

function pathsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [''];
}
