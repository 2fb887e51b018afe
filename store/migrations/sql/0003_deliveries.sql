-- Who outside is told of which events. Secrets lie apart: whoever may read the one need not know
-- the other.
create table fleetlog.subscriptions (
    name varchar(60) not null constraint subscriptions_pkey primary key,
    kind varchar(20) not null,
    endpoint text not null,
    options jsonb not null,
    event_types jsonb not null,
    aggregate_types jsonb not null,
    status varchar(10) not null default 'active',
    start_position bigint not null,
    created_at timestamptz not null default clock_timestamp(),
    constraint subscriptions_status_check check (status in ('active', 'paused'))
);

create table fleetlog.subscription_secrets (
    secret_no bigint generated always as identity
        constraint subscription_secrets_pkey primary key,
    subscription varchar(60) not null
        references fleetlog.subscriptions on delete cascade,
    secret text not null,
    expires_at timestamptz
);
create index subscription_secrets_of on fleetlog.subscription_secrets (subscription);

-- What is to be sent: written by a fold and by nobody else, exactly once. Of what the event says
-- there is nothing here.
create table fleetlog.outbox (
    subscription varchar(60) not null,
    global_sequence bigint not null,
    event_id uuid not null,
    aggregate_id varchar(255) not null,
    constraint outbox_pkey primary key (subscription, global_sequence)
);

-- Up to which position of its outbox a subscription's deliveries have begun.
create table fleetlog.delivery_cursors (
    subscription varchar(60) not null constraint delivery_cursors_pkey primary key
        references fleetlog.subscriptions on delete cascade,
    taken_to bigint not null
);

-- What became of each row of an outbox, once it was taken up; no fold touches this.
create table fleetlog.deliveries (
    subscription varchar(60) not null,
    global_sequence bigint not null,
    aggregate_id varchar(255) not null,
    status varchar(10) not null default 'waiting',
    attempts integer not null default 0,
    next_attempt_at timestamptz,
    last_error text,
    settled_at timestamptz,
    skip_reason text,
    constraint deliveries_pkey primary key (subscription, global_sequence),
    constraint deliveries_status_check
        check (status in ('waiting', 'delivered', 'parked', 'skipped'))
);
-- Both are as small as what is left to do, however much was delivered before.
create index deliveries_waiting on fleetlog.deliveries (subscription, global_sequence)
    where status = 'waiting';
create index deliveries_held on fleetlog.deliveries (subscription, aggregate_id)
    where status = 'parked' or next_attempt_at is not null;

-- How an endpoint that fails is spared; no row means that all is well.
create table fleetlog.endpoint_circuits (
    endpoint text not null constraint endpoint_circuits_pkey primary key,
    failures integer not null,
    open_until timestamptz,
    changed_at timestamptz not null default clock_timestamp()
);

-- Until when a circuit stays open after so many failures in a row; null: it is closed.
create function fleetlog.circuit_pause(
    p_failures integer, p_opens_after integer, p_first double precision, p_longest double precision
) returns timestamptz
language sql volatile as $$
    select case when p_failures >= p_opens_after then clock_timestamp() + make_interval(
        secs => least(p_longest, p_first * 2 ^ least(p_failures - p_opens_after, 20))
            * (0.5 + random() / 2)) end
$$;
revoke all on function fleetlog.circuit_pause from public;
grant execute on function fleetlog.circuit_pause to fleetlog_projector;

grant select on fleetlog.subscriptions, fleetlog.outbox, fleetlog.delivery_cursors,
    fleetlog.deliveries, fleetlog.endpoint_circuits to fleetlog_reader;
grant select on fleetlog.subscription_secrets to fleetlog_projector;
grant insert, update, delete on fleetlog.subscriptions, fleetlog.subscription_secrets,
    fleetlog.outbox, fleetlog.delivery_cursors, fleetlog.deliveries, fleetlog.endpoint_circuits
    to fleetlog_projector;
