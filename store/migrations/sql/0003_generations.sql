-- A projection may have several readers: one for each of its partitions, and beside the live
-- generation the next one, which is being built, and the previous one, which can come back.
-- A reader is known by its name: `balances`, `balances/0` for a partition, `balances@2/0` for a
-- partition of a generation that is not live.
alter table fleetlog.projection_checkpoints
    add column projection varchar(100),
    add column standing varchar(10) not null default 'live',
    add column partition integer not null default 0,
    add column partitions integer not null default 1,
    add column held boolean not null default false,
    alter column projection_name type varchar(150),
    add constraint projection_checkpoints_standing_check
        check (standing in ('live', 'next', 'previous')),
    add constraint projection_checkpoints_partition_check
        check (partition between 0 and partitions - 1);
update fleetlog.projection_checkpoints set projection = projection_name;
alter table fleetlog.projection_checkpoints
    alter column projection set not null,
    add constraint projection_checkpoints_place_key unique (projection, standing, partition)
        deferrable;  -- two generations change places

-- What a generation has parked goes with it, wherever its readers are renamed to.
alter table fleetlog.parked_events
    alter column projection_name type varchar(150),
    drop constraint parked_events_projection_name_fkey,
    add constraint parked_events_projection_name_fkey foreign key (projection_name)
        references fleetlog.projection_checkpoints on update cascade on delete cascade;

-- Which of `p_partitions` an aggregate belongs to: the same hash that PostgreSQL's own hash
-- partitioning relies on from release to release.
create function fleetlog.partition_of(p_aggregate_id text, p_partitions integer) returns integer
language sql immutable parallel safe as $$
    select ((hashtextextended(p_aggregate_id, 0) & 9223372036854775807) % p_partitions)::integer
$$;
revoke all on function fleetlog.partition_of(text, integer) from public;
grant execute on function fleetlog.partition_of(text, integer) to fleetlog_reader;

-- A generation that is given up takes its readers along.
grant delete on fleetlog.projection_checkpoints to fleetlog_projector;
