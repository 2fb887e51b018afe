create table fleetlog.events (
    event_id uuid not null constraint events_pkey primary key,
    aggregate_id varchar(255) not null,
    aggregate_type varchar(100) not null,
    event_type varchar(100) not null,
    version integer not null,
    sequence_number bigint not null,
    global_sequence bigint generated always as identity (cache 1) not null,
    data jsonb not null,
    metadata jsonb not null,
    timestamp timestamptz not null,
    constraint events_stream_key unique (aggregate_id, sequence_number),
    constraint events_position_key unique (global_sequence),
    constraint events_sequence_number_check check (sequence_number > 0)
);
create index events_timestamp_brin on fleetlog.events using brin (timestamp);

create table fleetlog.commands (
    command_id uuid not null constraint commands_pkey primary key,
    command_type varchar(100) not null,
    aggregate_id varchar(255) not null,
    accepted_no bigint generated always as identity (cache 1) not null,
    payload jsonb not null,
    metadata jsonb not null,
    continuation jsonb,
    status varchar(10) not null,
    attempts integer not null default 0,
    result jsonb,
    error jsonb,
    accepted_at timestamptz not null default clock_timestamp(),
    published_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    constraint commands_status_check
        check (status in ('accepted', 'done', 'rejected', 'parked', 'cancelled'))
);
create index commands_inbox on fleetlog.commands (aggregate_id, accepted_no) where status = 'accepted';
create index commands_open on fleetlog.commands (accepted_no) where status <> 'done';
create index commands_continuation on fleetlog.commands (finished_at) where continuation is not null;

create table fleetlog.snapshots (
    aggregate_id varchar(255) not null constraint snapshots_pkey primary key,
    aggregate_type varchar(100) not null,
    version bigint not null,
    state jsonb not null,
    fingerprint varchar(64) not null,
    timestamp timestamptz not null default clock_timestamp()
);

create table fleetlog.projection_checkpoints (
    projection_name varchar(100) not null constraint projection_checkpoints_pkey primary key,
    last_global_sequence bigint not null default 0,
    last_updated timestamptz not null default clock_timestamp(),
    epoch bigint not null default 0,
    owner varchar(255),
    generation integer not null default 1,
    version integer not null default 1,
    status varchar(10) not null default 'running',
    error text,
    constraint projection_checkpoints_status_check
        check (status in ('running', 'halted', 'rebuilding'))
);

create table fleetlog.parked_events (
    projection_name varchar(100) not null
        references fleetlog.projection_checkpoints on delete cascade,
    global_sequence bigint not null,
    aggregate_id varchar(255) not null,
    error text not null,
    attempts integer not null default 1,
    parked_at timestamptz not null default clock_timestamp(),
    last_tried_at timestamptz not null default clock_timestamp(),
    constraint parked_events_pkey primary key (projection_name, global_sequence)
);
create index parked_events_stream
    on fleetlog.parked_events (projection_name, aggregate_id, global_sequence);

-- Append-only: ENABLE ALWAYS also fires under session_replication_role = replica.
create function fleetlog.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'events are append-only: % refused', tg_op using errcode = 'insufficient_privilege';
end
$$;
create trigger events_no_change before update or delete on fleetlog.events
    for each statement execute function fleetlog.refuse_change();
create trigger events_no_truncate before truncate on fleetlog.events
    for each statement execute function fleetlog.refuse_change();
alter table fleetlog.events enable always trigger events_no_change;
alter table fleetlog.events enable always trigger events_no_truncate;

-- Writer and projector are readers too: see 0001_roles.sql.
grant select on fleetlog.events, fleetlog.commands, fleetlog.snapshots,
    fleetlog.projection_checkpoints, fleetlog.parked_events to fleetlog_reader;
grant select on sequence fleetlog.events_global_sequence_seq to fleetlog_reader;
grant insert, update on fleetlog.projection_checkpoints to fleetlog_projector;
grant insert, update, delete on fleetlog.parked_events, fleetlog.snapshots to fleetlog_projector;
