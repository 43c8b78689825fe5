import { builder } from './builder.ts';

/** Kinds of connections. */
export const MdmKindEnum = builder.enumType('MdmKind', {
  description: 'How commands reach devices.',
  values: {
    NANOMDM: { description: 'Russet calls a NanoMDM or NanoHUB.' },
    GRAPHQL: {
      description:
        'Any other MDM server: a program beside it leases commands (`leaseDeviceCommands`) and reports what became of them (`reportDeviceCommand`).',
    },
  } as const,
});

/** Servers with the same API at different places. */
export const MdmServerEnum = builder.enumType('MdmServer', {
  description: 'Which server it is; gives path prefix and user where they are not named.',
  values: {
    NANOMDM: { description: 'NanoMDM: prefix `/v1/`, user `nanomdm`.' },
    NANOHUB: { description: 'NanoHUB: prefix `/api/v1/nanomdm/`, user `nanohub`.' },
  } as const,
});

/** What a person has to mend. */
export const MdmProblemEnum = builder.enumType('MdmProblem', {
  description: "Why an MDM server can't be used.",
  values: {
    UNREACHABLE: {
      description: 'No connection: address, name or port are wrong, a firewall is between, or it is down.',
    },
    UNTRUSTED: { description: 'Its certificate is not trusted (NODE_EXTRA_CA_CERTS names an authority of your own).' },
    NO_ANSWER: { description: 'It did not answer in time, or the connection broke.' },
    UNAUTHORIZED: { description: 'User name or API key are wrong.' },
    WRONG_PREFIX: {
      description: 'It answers, and its API is not at this path. A server without an API key has no API at all.',
    },
    REDIRECTED: { description: 'It sends calls to another address; name that one.' },
    NOT_NANOMDM: { description: 'What answers there is no NanoMDM.' },
    SERVER_ERROR: { description: 'It is overloaded or ill.' },
    REFUSED: { description: 'It does not take what was asked.' },
  } as const,
});
