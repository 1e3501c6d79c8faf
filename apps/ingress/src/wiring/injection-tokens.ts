/** Token of the {@link IngressContext}. */
export const INGRESS_CONTEXT = Symbol("IngressContext");

/** Token of the {@link IngressPorts}. */
export const INGRESS_PORTS = Symbol("IngressPorts");
