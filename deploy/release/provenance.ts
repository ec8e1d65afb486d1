/** Provenance of the release files, as an in-toto statement with a SLSA predicate. Unsigned: who publishes signs. Pure. */

export interface Built {
  readonly files: readonly { readonly name: string; readonly sha256: string }[];
  readonly repository: string;
  readonly commit: string;
  readonly lockSha256: string;
  readonly node: string;
  readonly npm: string;
  readonly startedOn: string;
  readonly finishedOn: string;
}

/** https://slsa.dev/spec/v1.0/provenance */
export function provenance(built: Built): object {
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: built.files.map(({ name, sha256 }) => ({ name, digest: { sha256 } })),
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        buildType: 'npm run release -- build',
        externalParameters: { repository: built.repository, commit: built.commit },
        internalParameters: { node: built.node, npm: built.npm },
        resolvedDependencies: [
          { uri: `git+${built.repository}`, digest: { gitCommit: built.commit } },
          { uri: 'package-lock.json', digest: { sha256: built.lockSha256 } },
        ],
      },
      runDetails: {
        builder: { id: 'a maintainer' },
        metadata: { startedOn: built.startedOn, finishedOn: built.finishedOn },
      },
    },
  };
}
