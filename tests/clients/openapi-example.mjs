// A small API description for the tests of the comparison itself. It has the traits of PayPal's:
// references, `allOf`, a default response, and members without `additionalProperties`.

const ref = (name) => ({ $ref: `#/components/schemas/${name}` });
const json = (schema) => ({ content: { 'application/json': { schema } } });
const text = (pattern) => ({ type: 'string', pattern });

export const example = {
  openapi: '3.0.3',
  info: { title: 'An example', version: '1' },
  paths: {
    '/v2/checkout/orders': {
      post: {
        operationId: 'orders.create',
        requestBody: json(ref('order_request')),
        responses: { 201: json(ref('order')), 422: json(ref('error')), default: { $ref: '#/components/responses/other' } },
      },
    },
  },
  components: {
    responses: { other: json(ref('error')) },
    schemas: {
      money: {
        type: 'object',
        properties: { currency_code: text('^[A-Z]{3}$'), value: text('^[0-9]+([.][0-9]+)?$') },
        required: ['currency_code', 'value'],
      },
      unit: {
        type: 'object',
        properties: { reference_id: text('.'), custom_id: text('.'), amount: ref('money') },
        required: ['amount'],
      },
      order_request: {
        type: 'object',
        properties: {
          intent: { type: 'string', enum: ['CAPTURE', 'AUTHORIZE'] },
          purchase_units: { type: 'array', minItems: 1, items: ref('unit') },
          payment_source: { type: 'object', properties: { paypal: ref('wallet') } },
        },
        required: ['intent', 'purchase_units'],
      },
      wallet: { type: 'object', properties: { experience_context: ref('experience') } },
      experience: { type: 'object', properties: { user_action: text('.'), return_url: text('^https?:') } },
      timed: { type: 'object', properties: { create_time: text('.') } },
      order: {
        allOf: [
          ref('timed'),
          {
            type: 'object',
            properties: {
              id: text('.'),
              status: { type: 'string', enum: ['CREATED', 'PAYER_ACTION_REQUIRED'] },
              links: { type: 'array', items: ref('link') },
            },
          },
        ],
      },
      link: { type: 'object', properties: { href: text('.'), rel: text('.'), method: text('.') }, required: ['href', 'rel'] },
      error: { type: 'object', properties: { name: text('.'), message: text('.') }, required: ['name'] },
    },
  },
};
