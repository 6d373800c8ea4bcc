import { setting, value } from '@proxylet/nest';

/** How archives reach whoever may read them. */
export const deliverySettings = {
  delivery: setting({
    env: 'PROXYLET_CATALOG_DELIVERY',
    type: value.oneOf('proxy', 'redirect'),
    default: 'proxy',
    description:
      'How archives are handed out: `proxy` sends them through the catalog, `redirect` sends readers to the S3 server with an address that is signed for a short time.',
  }),
  deliverySeconds: setting({
    env: 'PROXYLET_CATALOG_DELIVERY_SECONDS',
    type: value.int({ min: 5, max: 300 }),
    default: '120',
    description: 'How long such an address is good, seconds.',
  }),
  s3PublicEndpoint: setting({
    env: 'PROXYLET_CATALOG_S3_PUBLIC_ENDPOINT',
    type: value.url(),
    optional: true,
    defaultText: 'the endpoint itself',
    description: 'S3 server as readers reach it, where the catalog uses another address for it.',
  }),
};
