import type { Digest, Severity, VersionState, Visibility } from '@proxylet/contract';
import { Column, Entity, PrimaryColumn, PrimaryGeneratedColumn } from 'typeorm';

@Entity('proxylet')
export class ProxyletRow {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column('text')
  namespace!: string;

  @Column('text')
  name!: string;

  /** Goes up with every change of the proxylet: a version, a state, a channel. */
  @Column('integer')
  revision!: number;

  /** Highest stable version that is not yanked. */
  @Column('integer', { name: 'latest_version_id', nullable: true })
  latestVersionId!: number | null;

  /** The version whose description stands for the proxylet: latest, else the highest there is. */
  @Column('integer', { name: 'shown_version_id', nullable: true })
  shownVersionId!: number | null;

  @Column('text', { default: 'public' })
  visibility!: Visibility;

  @Column('text', { name: 'created_at' })
  createdAt!: string;
}

/** Insert-only; a trigger keeps it so. What changes about a version is in `version_state`. */
@Entity('version')
export class VersionRow {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column('integer', { name: 'proxylet_id' })
  proxyletId!: number;

  @Column('text')
  version!: string;

  /** The version without build metadata: what may be used once. */
  @Column('text', { name: 'version_key' })
  versionKey!: string;

  /** Sorts as text in the order of SemVer precedence. */
  @Column('text')
  precedence!: string;

  /** 1 for a version that is no pre-release. */
  @Column('integer', { name: 'is_stable' })
  isStable!: number;

  @Column('text')
  digest!: Digest;

  @Column('integer', { name: 'size_bytes' })
  sizeBytes!: number;

  /** JSON of the manifest. */
  @Column('text')
  manifest!: string;

  /** JSON list of path, sizeBytes and sha256. */
  @Column('text')
  files!: string;

  /** JSON list of what the static look at main warned of. */
  @Column('text', { default: '[]' })
  warnings!: string;

  /** JSON of `VersionFacts`: what resolution needs, so that it need not read manifests. */
  @Column('text')
  facts!: string;

  @Column('text', { nullable: true })
  readme!: string | null;

  @Column('text', { name: 'runtime_type' })
  runtimeType!: string;

  /** Capability names with a blank before, between and after. */
  @Column('text')
  capabilities!: string;

  @Column('text', { name: 'published_by' })
  publishedBy!: string;

  @Column('text', { name: 'published_at' })
  publishedAt!: string;
}

/** Append-only; the newest row of a version is its state. */
@Entity('version_state')
export class VersionStateRow {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column('integer', { name: 'version_id' })
  versionId!: number;

  @Column('text')
  state!: VersionState;

  @Column('text')
  reason!: string;

  @Column('text', { nullable: true })
  severity!: Severity | null;

  @Column('text')
  actor!: string;

  @Column('text')
  at!: string;
}

@Entity('dependency')
export class DependencyRow {
  @PrimaryColumn('integer', { name: 'version_id' })
  versionId!: number;

  /** `namespace/name`; need not exist yet. */
  @PrimaryColumn('text')
  target!: string;

  @Column('text')
  range!: string;
}

@Entity('channel')
export class ChannelRow {
  @PrimaryColumn('integer', { name: 'proxylet_id' })
  proxyletId!: number;

  @PrimaryColumn('text')
  name!: string;

  @Column('integer', { name: 'version_id' })
  versionId!: number;

  /** Goes up with every move: what `If-Match` compares. */
  @Column('integer')
  revision!: number;
}

/** Append-only. */
@Entity('channel_move')
export class ChannelMoveRow {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column('integer', { name: 'proxylet_id' })
  proxyletId!: number;

  @Column('text')
  channel!: string;

  @Column('integer', { name: 'version_id' })
  versionId!: number;

  @Column('text')
  actor!: string;

  @Column('text')
  at!: string;
}
