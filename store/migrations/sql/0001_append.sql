-- Errors of our own: FL001 stale version (detail: the actual one), FL002 another aggregate type
-- (detail: the actual one), FL003 command id reused, FL004 no longer accepted, FL005 unsafe reader.

-- What became of a command, or null while it is unknown or still waiting.
create function fleetlog.command_outcome(p_command_id uuid, p_command_type text, p_payload text)
returns jsonb language plpgsql stable set search_path = fleetlog, pg_temp as $$
declare
    stored record;
begin
    select c.status, c.command_type, c.payload, c.result, c.error into stored
    from commands c where c.command_id = p_command_id;
    if p_payload is not null and
       (stored.command_type <> p_command_type or stored.payload <> p_payload::jsonb) then
        raise exception 'command id reused' using errcode = 'FL003';
    end if;
    if stored.status is null or stored.status = 'accepted' then
        return null;
    end if;
    return jsonb_build_object('status', stored.status, 'result', stored.result, 'error', stored.error);
end
$$;

-- One call, one round trip: check the version, insert, settle the command.
-- p_expected: a version, -1 any, -2 exists. p_metadata: one element for all events, or one each.
-- p_payload is null for a command that was accepted before.
-- A repeated command is found first where its version check would pass again (any, exists, no
-- events); elsewhere its own events have moved the stream on, so the check leads here anyway and
-- the common case saves the look-up. What slips through meets compare-and-set: FL004, all undone.
create function fleetlog.append_events(
    p_aggregate_id text, p_aggregate_type text, p_expected bigint,
    p_event_ids uuid[], p_event_types text[], p_versions integer[], p_data text[], p_metadata text[],
    p_command_id uuid, p_command_type text, p_payload text,
    out last_sequence bigint, out positions bigint[], out repeated jsonb
)
language plpgsql security definer set search_path = fleetlog, pg_temp as $$
declare
    stream record;
    clock timestamptz;
    witness jsonb;
    drawn bigint;
begin
    if p_command_id is not null and (p_expected < 0 or cardinality(p_event_ids) = 0) then
        repeated := command_outcome(p_command_id, p_command_type, p_payload);
        if repeated is not null then
            return;
        end if;
    end if;

    select e.sequence_number, e.aggregate_type, e.timestamp into stream
    from events e where e.aggregate_id = p_aggregate_id
    order by e.sequence_number desc limit 1;
    last_sequence := coalesce(stream.sequence_number, 0);
    if (p_expected <> last_sequence and p_expected <> -1 and (p_expected <> -2 or last_sequence = 0))
       or stream.aggregate_type <> p_aggregate_type then
        if p_command_id is not null then
            repeated := command_outcome(p_command_id, p_command_type, p_payload);
            if repeated is not null then
                return;
            end if;
        end if;
        if stream.aggregate_type <> p_aggregate_type then
            raise exception 'wrong aggregate type'
                using errcode = 'FL002', detail = stream.aggregate_type;
        end if;
        raise exception 'stale version' using errcode = 'FL001', detail = last_sequence::text;
    end if;

    clock := greatest(stream.timestamp, clock_timestamp());
    witness := jsonb_build_object('db_user', session_user, 'db_host', host(inet_client_addr()));
    if cardinality(p_event_ids) = 1 then  -- the common case, in the cheapest plan there is
        insert into events (event_id, aggregate_id, aggregate_type, event_type, version,
                            sequence_number, data, metadata, timestamp)
        values (p_event_ids[1], p_aggregate_id, p_aggregate_type, p_event_types[1], p_versions[1],
                last_sequence + 1, p_data[1]::jsonb, p_metadata[1]::jsonb || witness, clock)
        returning global_sequence into drawn;
        positions := array[drawn];
    else
        with inserted as (
            insert into events (event_id, aggregate_id, aggregate_type, event_type, version,
                                sequence_number, data, metadata, timestamp)
            select e.id, p_aggregate_id, p_aggregate_type, e.type, e.version,
                   last_sequence + e.n, e.data::jsonb,
                   coalesce(p_metadata[e.n], p_metadata[1])::jsonb || witness, clock
            from unnest(p_event_ids, p_event_types, p_versions, p_data)
                 with ordinality as e (id, type, version, data, n)
            order by e.n
            returning global_sequence
        )
        select array_agg(i.global_sequence) into positions from inserted i;
    end if;
    last_sequence := last_sequence + cardinality(p_event_ids);

    if p_payload is not null then
        insert into commands as c (command_id, command_type, aggregate_id, payload, metadata,
                                   status, result, finished_at)
        values (p_command_id, p_command_type, p_aggregate_id, p_payload::jsonb, p_metadata[1]::jsonb,
                'done', command_result(p_aggregate_id, last_sequence, positions), clock)
        on conflict (command_id) do update
        set status = excluded.status, result = excluded.result, finished_at = excluded.finished_at
        where c.status = 'accepted' and c.command_type = excluded.command_type
          and c.payload = excluded.payload;
    elsif p_command_id is not null then
        update commands c
        set status = 'done', finished_at = clock_timestamp(),
            result = command_result(p_aggregate_id, last_sequence, positions)
        where c.command_id = p_command_id and c.status = 'accepted';
    end if;
    if p_command_id is not null and not found then
        raise exception '%', p_command_id using errcode = 'FL004';
    end if;
end
$$;

create function fleetlog.command_result(aggregate_id text, last_sequence bigint, positions bigint[])
returns jsonb language sql immutable as $$
    select jsonb_build_object(
        'aggregate_id', aggregate_id,
        'version', last_sequence,
        'position', positions[cardinality(positions)],
        'events', coalesce(cardinality(positions), 0))
$$;

revoke all on function fleetlog.append_events, fleetlog.command_outcome, fleetlog.command_result
    from public;
grant execute on function fleetlog.append_events, fleetlog.command_outcome to fleetlog_writer;
