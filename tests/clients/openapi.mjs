// Compares an HTTP exchange with an OpenAPI 3.0 description. The exchange must match the schemas,
// and the schemas must describe every member. The second rule catches misspelled optional members.

import Ajv from 'ajv';

/** Checks exchanges of the operations in one API description. */
export class Description {
  #document;
  #ajv = new Ajv({ strict: false, allErrors: true, unicodeRegExp: false, validateFormats: false, logger: false });
  #operations = new Map();

  constructor(document) {
    this.#document = document;
    this.#ajv.addSchema(document, 'api');
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        if (operation.operationId) this.#operations.set(operation.operationId, { path, method, operation });
      }
    }
  }

  /** Whether the description has an operation with this id. */
  has(name) {
    return this.#operations.has(name);
  }

  /**
   * Lists the differences between the description and an exchange, one sentence each.
   * An exchange is `{operation, method, path, requestBody, status, responseBody}`.
   */
  findings(exchange) {
    const { path, method, operation } = this.#operations.get(exchange.operation);
    const findings = [];
    const template = new RegExp(`^${path.replace(/\{[^}]+\}/g, '[^/]+')}$`);
    if (method !== exchange.method.toLowerCase() || !template.test(exchange.path)) {
      findings.push(`${exchange.method} ${exchange.path} is not ${method.toUpperCase()} ${path}`);
    }
    // Only an accepted request must be valid.
    const request = operation.requestBody?.content?.['application/json']?.schema;
    if (exchange.status < 300 && request && exchange.requestBody !== null) {
      findings.push(...this.#compare(request, exchange.requestBody, 'request'));
    }
    const response = this.#response(operation, exchange.status)?.content?.['application/json']?.schema;
    if (response) findings.push(...this.#compare(response, exchange.responseBody, 'response'));
    else if (exchange.responseBody !== null) findings.push(`response: a ${exchange.status} has no body`);
    return findings;
  }

  // A retry with the same request id gets a 200. The description lists only the first response, a
  // 201.
  #response({ responses }, status) {
    const first = status === 200 ? responses['201'] : undefined;
    return this.#resolved(responses[status] ?? first ?? responses.default);
  }

  #compare(schema, value, place) {
    const validate = this.#ajv.compile(absolute(schema));
    const findings = validate(value)
      ? []
      : validate.errors.map((error) => `${place}${error.instancePath}: ${error.message} (${JSON.stringify(error.params)})`);
    return [...findings, ...this.#unknown([schema], value, place)];
  }

  /** Lists the members of `value` that none of `schemas` describes. */
  #unknown(schemas, value, place) {
    const parts = schemas.flatMap((schema) => this.#parts(schema));
    if (Array.isArray(value)) {
      const items = parts.flatMap((part) => part.items ?? []);
      return value.flatMap((item, index) => this.#unknown(items, item, `${place}/${index}`));
    }
    if (value === null || typeof value !== 'object' || !parts.some((part) => part.properties)) return [];
    return Object.entries(value).flatMap(([name, member]) => {
      const known = parts.flatMap((part) => part.properties?.[name] ?? []);
      return known.length === 0 ? [`${place}/${name} is not in the description`] : this.#unknown(known, member, `${place}/${name}`);
    });
  }

  /** A schema with its nested schemas. */
  #parts(schema) {
    const resolved = this.#resolved(schema);
    const inner = [...(resolved.allOf ?? []), ...(resolved.anyOf ?? []), ...(resolved.oneOf ?? [])];
    return [resolved, ...inner.flatMap((part) => this.#parts(part))];
  }

  #resolved(node) {
    if (!node?.$ref) return node;
    const steps = node.$ref.replace('#/', '').split('/').map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
    return this.#resolved(steps.reduce((inner, step) => inner[step], this.#document));
  }
}

/** Makes the references of a schema point into the whole document. */
function absolute(schema) {
  return JSON.parse(JSON.stringify(schema), (name, value) => (name === '$ref' ? `api${value}` : value));
}
