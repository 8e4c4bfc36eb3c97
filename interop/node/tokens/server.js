// An OAuth server as a process of its own: node server.js PORT. It issues access
// tokens for the grant client_credentials: JSON Web Tokens where a resource is
// asked for, opaque ones else. It says that it is ready on its standard output.

import Provider, { errors } from 'oidc-provider';

const port = Number(process.argv[2]);

/** The clients, all with the same secret, and what they may ask for. */
const scopes = { provider: 'webhooks:send profile', stranger: 'profile' };

const resources = ['https://hooks.example.com/oauth', 'https://elsewhere.example.com'];

const server = new Provider(`http://127.0.0.1:${port}`, {
	clients: Object.entries(scopes).map(([client_id, scope]) => ({
		client_id,
		client_secret: 'client-secret',
		grant_types: ['client_credentials'],
		redirect_uris: [],
		response_types: [],
		scope,
	})),
	scopes: ['webhooks:send', 'profile'],
	features: {
		clientCredentials: { enabled: true },
		devInteractions: { enabled: false },
		resourceIndicators: {
			enabled: true,
			getResourceServerInfo(_, resource) {
				if (!resources.includes(resource)) {
					throw new errors.InvalidTarget();
				}
				return { scope: 'webhooks:send profile', audience: resource, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } };
			},
		},
	},
});

server.listen(port, '127.0.0.1', () => console.log('ready'));
