import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

@Entity('service')
export class ServiceRow {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column('text')
  namespace!: string;

  @Column('text')
  name!: string;

  @Column('text', { name: 'created_at' })
  createdAt!: string;
}

/** Insert-only. */
@Entity('service_version')
export class ServiceVersionRow {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column('integer', { name: 'service_id' })
  serviceId!: number;

  @Column('text')
  version!: string;

  @Column('text', { name: 'version_key' })
  versionKey!: string;

  @Column('text')
  precedence!: string;

  @Column('integer', { name: 'is_stable' })
  isStable!: number;

  /** JSON of the registered definition, members sorted: equal content is equal text. */
  @Column('text')
  definition!: string;

  @Column('text', { name: 'registered_by' })
  registeredBy!: string;

  @Column('text', { name: 'registered_at' })
  registeredAt!: string;
}
