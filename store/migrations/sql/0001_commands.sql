-- The life of a command. Every final transition is a compare-and-set on status = 'accepted'.

-- Accept many at once, in the order given. Standing: 'new', or the status of a command that was
-- accepted before under this id; 'reused' when the id belongs to a different command.
create function fleetlog.accept_commands(
    p_command_ids uuid[], p_command_types text[], p_aggregate_ids text[],
    p_payloads text[], p_metadata text[], p_continuations text[]
) returns table (standing text, accepted_no bigint)
language plpgsql security definer set search_path = fleetlog, pg_temp as $$
declare
    fresh uuid[];
    witness jsonb := jsonb_build_object('db_user', session_user, 'db_host', host(inet_client_addr()));
begin
    with inserted as (
        insert into commands as c (command_id, command_type, aggregate_id, payload, metadata,
                                   continuation, status)
        select g.id, g.type, g.aggregate_id, g.payload::jsonb, g.metadata::jsonb || witness,
               g.continuation::jsonb, 'accepted'
        from unnest(p_command_ids, p_command_types, p_aggregate_ids, p_payloads, p_metadata,
                    p_continuations)
             with ordinality as g (id, type, aggregate_id, payload, metadata, continuation, n)
        order by g.n
        on conflict (command_id) do nothing
        returning c.command_id
    )
    select array_agg(i.command_id) into fresh from inserted i;
    -- A later statement, because an id that lost a race is visible only to a newer snapshot.
    return query
        select case when c.command_type <> g.type or c.payload <> g.payload::jsonb then 'reused'
                    when c.command_id = any (fresh) and g.n = g.first then 'new'
                    else c.status::text end,
               c.accepted_no
        from (select u.*, min(u.n) over (partition by u.id) as first
              from unnest(p_command_ids, p_command_types, p_payloads)
                   with ordinality as u (id, type, payload, n)) g
        join commands c on c.command_id = g.id
        order by g.n;
end
$$;

-- A message asked for what can never be a command: its id gets an answer, and stays visible.
create function fleetlog.refuse_command(
    p_command_id uuid, p_command_type text, p_metadata text, p_error text
) returns void
language sql security definer set search_path = fleetlog, pg_temp as $$
    insert into commands (command_id, command_type, aggregate_id, payload, metadata, status, error,
                          finished_at)
    values (p_command_id, left(p_command_type, 100), '', '{}', p_metadata::jsonb, 'rejected',
            p_error::jsonb, clock_timestamp())
    on conflict (command_id) do nothing
$$;

-- Take the inboxes of these aggregates for the rest of the transaction, waiting for none or for
-- all; returns those taken. The caller reads their commands in a later statement.
-- Namespace 17751 keeps these keys apart from the announcements of 0001_order.sql.
create function fleetlog.lock_inboxes(p_aggregate_ids text[], p_wait boolean) returns text[]
language plpgsql set search_path = fleetlog, pg_temp as $$
declare
    taken text[] := '{}';
    inbox record;
begin
    -- In key order, so that two workers that wait never wait for each other.
    for inbox in
        select u.id, (17751::bigint << 48) | (hashtextextended(u.id, 0) & 281474976710655) as key
        from unnest(p_aggregate_ids) as u (id) order by 2
    loop
        if p_wait then
            perform pg_advisory_xact_lock(inbox.key);
            taken := taken || inbox.id;
        elsif pg_try_advisory_xact_lock(inbox.key) then
            taken := taken || inbox.id;
        end if;
    end loop;
    return taken;
end
$$;

-- Settle a batch of commands: its events, its refusals, its results, all or nothing.
-- Every stream the batch decided on is named with the version it was decided on, refusals
-- included: a refusal appends nothing, so only this check makes it final.
create function fleetlog.settle_commands(
    p_streams text[], p_types text[], p_expected bigint[],
    p_command_ids uuid[], p_command_streams integer[], p_command_versions bigint[],
    p_errors text[], p_metadata text[],
    p_event_ids uuid[], p_event_commands integer[], p_event_types text[], p_versions integer[],
    p_data text[]
) returns jsonb[]
language plpgsql security definer set search_path = fleetlog, pg_temp as $$
declare
    stale record;
    clocks timestamptz[];
    witness jsonb := jsonb_build_object('db_user', session_user, 'db_host', host(inet_client_addr()));
    results jsonb[];
    settled integer;
begin
    select array_agg(greatest(l.timestamp, clock_timestamp()) order by s.n) into clocks
    from unnest(p_streams) with ordinality as s (id, n)
    left join lateral (select e.timestamp from events e where e.aggregate_id = s.id
                       order by e.sequence_number desc limit 1) l on true;
    select s.id, s.expected, l.aggregate_type, coalesce(l.sequence_number, 0) as actual,
           l.aggregate_type <> s.type as mistyped into stale
    from unnest(p_streams, p_types, p_expected) as s (id, type, expected)
    left join lateral (select e.sequence_number, e.aggregate_type from events e
                       where e.aggregate_id = s.id order by e.sequence_number desc limit 1) l on true
    where coalesce(l.sequence_number, 0) <> s.expected or l.aggregate_type <> s.type
    limit 1;
    if stale.mistyped then
        raise exception '%', stale.id using errcode = 'FL002', detail = stale.aggregate_type;
    elsif found then
        raise exception '%', stale.id using errcode = 'FL001', detail = stale.actual::text;
    end if;

    with inserted as (
        insert into events as e (event_id, aggregate_id, aggregate_type, event_type, version,
                                 sequence_number, data, metadata, timestamp)
        select g.id, p_streams[p_command_streams[g.command]], p_types[p_command_streams[g.command]],
               g.type, g.version,
               p_expected[p_command_streams[g.command]]
                   + row_number() over (partition by p_command_streams[g.command] order by g.n),
               g.data::jsonb,
               p_metadata[g.command]::jsonb || witness, clocks[p_command_streams[g.command]]
        from unnest(p_event_ids, p_event_commands, p_event_types, p_versions, p_data)
             with ordinality as g (id, command, type, version, data, n)
        order by g.n
        returning e.event_id, e.global_sequence
    ), effects as (
        select g.command, array_agg(i.global_sequence order by i.global_sequence) as positions
        from unnest(p_event_ids, p_event_commands) as g (id, command)
        join inserted i on i.event_id = g.id
        group by g.command
    ), outcomes as (
        select c.id, c.n, c.error::jsonb as error,
               case when c.error is null
                    then command_result(p_streams[c.stream], c.version, f.positions) end as result
        from unnest(p_command_ids, p_command_streams, p_command_versions, p_errors)
             with ordinality as c (id, stream, version, error, n)
        left join effects f on f.command = c.n
    ), settle as (
        update commands c
        set status = case when o.error is null then 'done' else 'rejected' end,
            result = o.result, error = o.error, finished_at = clock_timestamp()
        from outcomes o
        where c.command_id = o.id and c.status = 'accepted'
        returning o.n, o.result
    )
    select count(*), array_agg(s.result order by s.n) into settled, results from settle s;
    if settled <> cardinality(p_command_ids) then
        raise exception '% of % commands', cardinality(p_command_ids) - settled,
            cardinality(p_command_ids) using errcode = 'FL004';
    end if;
    return results;
end
$$;

-- Count an attempt before it is made; a later crash would not count itself. Null: not accepted.
create function fleetlog.charge_command(p_command_id uuid) returns integer
language sql security definer set search_path = fleetlog, pg_temp as $$
    update commands set attempts = attempts + 1
    where command_id = p_command_id and status = 'accepted' returning attempts
$$;

-- The attempt failed, but through no fault of the command's: the database was not as it should be.
create function fleetlog.excuse_command(p_command_id uuid) returns void
language sql security definer set search_path = fleetlog, pg_temp as $$
    update commands set attempts = greatest(attempts - 1, 0)
    where command_id = p_command_id and status = 'accepted'
$$;

create function fleetlog.note_failure(p_command_id uuid, p_error text) returns void
language sql security definer set search_path = fleetlog, pg_temp as $$
    update commands set error = p_error::jsonb
    where command_id = p_command_id and status = 'accepted'
$$;

-- p_status: 'rejected' (its payload will never do), 'parked' or 'cancelled'.
create function fleetlog.set_aside_command(p_command_id uuid, p_status text, p_error text)
returns boolean language plpgsql security definer set search_path = fleetlog, pg_temp as $$
begin
    if p_status not in ('rejected', 'parked', 'cancelled') then
        raise exception 'a command is not set aside as %', p_status;
    end if;
    update commands
    set status = p_status, finished_at = clock_timestamp(),
        -- What it failed with is a better reason for parking than that it failed too often.
        error = case when p_status = 'parked' then coalesce(error, p_error::jsonb)
                     else coalesce(p_error::jsonb, error) end
    where command_id = p_command_id and status = 'accepted';
    return found;
end
$$;

-- A person's word: parked commands go to the end of their inboxes with their attempts forgiven.
create function fleetlog.retry_commands(p_command_ids uuid[]) returns setof uuid
language sql security definer set search_path = fleetlog, pg_temp as $$
    update commands
    set status = 'accepted', accepted_no = default, attempts = 0, finished_at = null,
        published_at = clock_timestamp()
    where command_id = any (p_command_ids) and status = 'parked'
    returning command_id
$$;

-- Commands whose wake-up seems lost: accepted, or done with a continuation, for longer than p_age.
-- Marked as published again, so that two relays take turns and none floods the broker.
create function fleetlog.take_overdue(p_age interval, p_limit integer)
returns table (command_id uuid, command_type text, accepted_no bigint, continued boolean)
language sql security definer set search_path = fleetlog, pg_temp as $$
    update commands c set published_at = clock_timestamp()
    where c.command_id in (
        select o.command_id from commands o
        where o.published_at < clock_timestamp() - p_age
          and (o.status = 'accepted'
               or (o.continuation is not null and o.status in ('done', 'rejected')
                   -- A chain that could not be sent on for a day never will be.
                   and o.finished_at > clock_timestamp() - interval '1 day'))
        order by o.accepted_no limit p_limit for update skip locked)
    returning c.command_id, c.command_type::text, c.accepted_no, c.continuation is not null
$$;

-- The links and the chain behind a command were sent on their way.
create function fleetlog.command_continued(p_command_id uuid) returns void
language sql security definer set search_path = fleetlog, pg_temp as $$
    update commands set continuation = null
    where command_id = p_command_id and continuation is not null
$$;

revoke all on all functions in schema fleetlog from public;
grant execute on function fleetlog.accept_commands, fleetlog.refuse_command, fleetlog.lock_inboxes,
    fleetlog.settle_commands, fleetlog.charge_command, fleetlog.excuse_command,
    fleetlog.note_failure,
    fleetlog.set_aside_command, fleetlog.retry_commands, fleetlog.take_overdue,
    fleetlog.command_continued to fleetlog_writer;
